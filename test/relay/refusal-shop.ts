import { EventBus } from '../../src/bus/event-bus.ts'
import { local, type LocalBroker } from '../../src/brokers/local/index.ts'
import { cloudEvents } from '../../src/codecs/cloudevents/index.ts'
import type { TopicRecord } from '../../src/core/broker.ts'
import type { Codec } from '../../src/core/codec.ts'
import type { EventInput, StoredEvent } from '../../src/core/event.ts'
import type {
  Backlog,
  BlockedEntry,
  OutboxStore,
  RelaySession,
} from '../../src/core/outbox-store.ts'
import type { RelayOptions } from '../../src/relay/options.ts'
import type { Relay } from '../../src/relay/relay.ts'
import type { StoreHarness } from '../../src/testing/outbox-store-contract.ts'
import { eventually, MemoryLogger } from './outbox-fixture.ts'

/** As soon as it can be, in a test. */
const QUICK: RelayOptions = { pollIntervalMs: 5 }
export const TOPIC = 't'

/** An outbox with events that the broker refuses, and the relays that meet them. */
export class RefusalShop implements AsyncDisposable {
  readonly logger: MemoryLogger = new MemoryLogger()
  readonly broker: LocalBroker = local({ partitions: 4 })
  readonly harness: StoreHarness
  readonly #session: RelaySession
  readonly #codec: Codec
  readonly #buses: EventBus[] = []
  #groups = 0

  static async open(harness: StoreHarness, codec: Codec = cloudEvents()): Promise<RefusalShop> {
    return new RefusalShop(harness, await harness.store.openRelaySession(), codec)
  }

  private constructor(harness: StoreHarness, session: RelaySession, codec: Codec) {
    this.harness = harness
    this.#session = session
    this.#codec = codec
  }

  /** From now on the broker refuses the events with these payloads. */
  poison(...payloads: readonly string[]): void {
    const refused = ({ value }: TopicRecord): boolean => payloads.includes(String(value))
    this.broker.refuse(payloads.length === 0 ? null : refused)
  }

  /** Commits events of a key, each with its payload. */
  async commit(key: string | null, ...payloads: readonly string[]): Promise<void> {
    await this.commitAll(...payloads.map((payload) => ({ topic: TOPIC, key, payload })))
  }

  async commitAll(...events: readonly EventInput[]): Promise<void> {
    const bus = this.#bus(this.harness.store)
    await this.harness.transaction(async (tx) => bus.send(tx, events))
  }

  /** Starts a relay, on `store` where that is another one. */
  async relay(options: RelayOptions = {}, store: OutboxStore = this.harness.other): Promise<Relay> {
    return this.#bus(store).startRelay({ ...QUICK, ...options })
  }

  /** The payloads of what is published of a topic by now, when there are so many. */
  async published(count: number, topic: string = TOPIC): Promise<readonly string[]> {
    const bus = this.#bus(this.harness.store)
    const got: string[] = []
    const stream = bus.stream(topic, { group: `look-${++this.#groups}`, from: 'earliest' })
    for await (const event of stream) {
      got.push(event.text())
      if (got.length === count) break
    }
    return got
  }

  /** The published payloads of each key. */
  async publishedByKey(count: number): Promise<Record<string, readonly string[]>> {
    const bus = this.#bus(this.harness.store)
    const got: [string, string][] = []
    const stream = bus.stream(TOPIC, { group: `look-${++this.#groups}`, from: 'earliest' })
    for await (const event of stream) {
      got.push([String(event.key), event.text()])
      if (got.length === count) break
    }
    const keys = Map.groupBy(got, ([key]) => key)
    return Object.fromEntries([...keys].map(([key, pairs]) => [key, pairs.map(([, text]) => text)]))
  }

  async blocked(): Promise<readonly BlockedEntry[]> {
    const lanes = Array.from({ length: this.harness.store.lanes }, (_, lane) => lane)
    return this.#session.blocked(lanes)
  }

  async backlog(): Promise<Backlog> {
    return this.#session.backlog()
  }

  /** Resolves when what is blocked looks like this. */
  async untilBlocked(
    what: string,
    isSo: (entries: readonly BlockedEntry[]) => boolean,
  ): Promise<readonly BlockedEntry[]> {
    return eventually(what, async () => {
      const entries = await this.blocked()
      return isSo(entries) ? entries : undefined
    })
  }

  /** Resolves when nothing waits any more. */
  async untilNothingWaits(): Promise<void> {
    let waiting = ''
    const nothing = async (): Promise<true | undefined> => {
      const { pending, blocked, held } = await this.backlog()
      waiting = JSON.stringify({ pending, blocked, held })
      return pending + blocked + held === 0 ? true : undefined
    }
    await eventually('nothing waits', nothing).catch(async (error: unknown) => {
      const entries = (await this.blocked()).map((entry) => Object.values(entry).join(' '))
      const lines = [waiting, ...entries.slice(0, 20), ...this.logger.lines.slice(-20)]
      throw new Error(lines.join('\n'), { cause: error })
    })
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.#buses.map((bus) => bus.close()))
    await this.#session[Symbol.asyncDispose]()
    await this.broker.close()
    await this.harness[Symbol.asyncDispose]()
  }

  #bus(store: OutboxStore): EventBus {
    const { broker, logger } = this
    const bus = new EventBus({ store, broker, logger, codec: this.#codec })
    this.#buses.push(bus)
    return bus
  }
}

/** A codec that throws for the events with these payloads. */
export function codecThatThrows(...payloads: readonly string[]): Codec {
  const plain = cloudEvents()
  return {
    name: plain.name,
    decode: (record, name) => plain.decode(record, name),
    encode: (event: StoredEvent) => {
      if (payloads.includes(String(event.payload))) throw new Error('no such schema')
      return plain.encode(event)
    },
  }
}
