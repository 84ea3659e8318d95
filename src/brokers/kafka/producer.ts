import type {
  AppendResult,
  Producer,
  ProducerOptions,
  Publisher,
  TopicRecord,
} from '../../core/broker.ts'
import { type RecordSink, QueuedProducer } from '../../core/queued-producer.ts'
import { openIdempotentPublisher } from './idempotent-publisher.ts'
import type { KafkaSettings } from './kafka-options.ts'

/** A producer with a producer id of its own, which it asks for at the first record. */
export function openKafkaProducer(settings: KafkaSettings, options: ProducerOptions): Producer {
  const { clientId } = options
  const { clientOptions } = settings.connection
  const connection = { clientId, clientOptions: { ...clientOptions, clientId } }
  return new QueuedProducer(new KafkaSink({ ...settings, connection }, options), options)
}

/** A failure ends a publisher for good: the records after it get a new one, with a new id. */
class KafkaSink implements RecordSink {
  readonly #settings: KafkaSettings
  readonly #options: ProducerOptions
  readonly #closing = new AbortController()
  #publisher: Publisher | null = null
  #number = 0

  constructor(settings: KafkaSettings, options: ProducerOptions) {
    this.#settings = settings
    this.#options = options
  }

  async append(records: readonly TopicRecord[]): Promise<AppendResult> {
    this.#publisher ??= await this.#open()
    const publisher = this.#publisher
    try {
      return await publisher.append({ number: ++this.#number, ids: [], records }, () => {})
    } catch (error) {
      this.#publisher = null
      await publisher.close()
      throw error
    }
  }

  close(): Promise<void> {
    this.#closing.abort()
    return Promise.resolve()
  }

  async #open(): Promise<Publisher> {
    return openIdempotentPublisher(this.#settings, {
      outbox: 'producer',
      relayId: this.#options.clientId,
      signal: this.#closing.signal,
      onAway: this.#options.onAway,
    })
  }
}
