import assert from 'node:assert/strict'
import { cloudEvents } from '../../../src/codecs/cloudevents/index.ts'
import type { Broker, Publisher } from '../../../src/core/broker.ts'
import type { Codec } from '../../../src/core/codec.ts'
import type { OutboxEvent } from '../../../src/core/event.ts'
import { BrokerError } from '../../../src/core/errors.ts'
import { toRanges } from '../../../src/core/id-ranges.ts'
import { uuidv7 } from '../../../src/core/uuid.ts'

export type SentEvent = Partial<Omit<OutboxEvent, 'topic'>>

/** Publishes as a relay does. */
export class Sender implements AsyncDisposable {
  readonly #publisher: Publisher
  readonly #codec: Codec = cloudEvents()
  #number = 0

  static async open(broker: Broker): Promise<Sender> {
    for (let patience = 10; ; patience--) {
      try {
        const publisher = await broker.openPublisher({
          outbox: 'stream-test',
          relayId: uuidv7(),
          signal: new AbortController().signal,
          onAway: () => {},
        })
        return new Sender(publisher)
      } catch (error) {
        // The first ones wait for Kafka's topic of transactions, on a busy machine for long.
        if (!(error instanceof BrokerError) || error.kind !== 'away' || patience === 0) throw error
      }
    }
  }

  private constructor(publisher: Publisher) {
    this.#publisher = publisher
  }

  /** Sends texts in a batch of their own, all of one key unless told otherwise. */
  async send(
    topic: string,
    texts: readonly string[],
    key: (text: string) => string | null = () => 'k',
  ): Promise<void> {
    await this.sendEvents(
      topic,
      texts.map((text) => ({ key: key(text), payload: Buffer.from(text) })),
    )
  }

  async sendEvents(topic: string, events: readonly SentEvent[]): Promise<void> {
    this.#number += 1
    const records = events.map((event) => ({
      topic,
      ...this.#codec.encode({
        topic,
        uuid: uuidv7(),
        timestamp: new Date(),
        key: null,
        msgType: 'T',
        mimeType: 'text/plain',
        headers: [],
        payload: null,
        ...event,
      }),
    }))
    const ids = toRanges(events.map((_, at) => BigInt(at + 1)))
    const result = await this.#publisher.append({ number: this.#number, ids, records }, () => {})
    assert.equal(result.state, 'appended')
    if (result.state === 'appended') await result.commit()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#publisher.close()
  }
}
