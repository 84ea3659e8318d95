import { cloudEvents } from '../codecs/cloudevents/index.ts'
import type { Broker } from '../core/broker.ts'
import { recordBytes } from '../core/codec.ts'
import type { Codec } from '../core/codec.ts'
import { OncommitError, OptionError } from '../core/errors.ts'
import type { EventInput } from '../core/event.ts'
import type { Inbox } from '../core/inbox.ts'
import { defaultLogger } from '../core/logger.ts'
import type { Logger } from '../core/logger.ts'
import { knownOptions, requireMethods } from '../core/options.ts'
import type { AppliedMigration, OutboxStore } from '../core/outbox-store.ts'
import { topicNameProblem } from '../core/topic-name.ts'
import { type Schema, type Topic, topicOf } from '../core/topic.ts'
import { isUuid } from '../core/uuid.ts'
import type { DataOf, Topics } from '../consumer/typed.ts'
import type { Consumer } from '../consumer/consume/consumer.ts'
import type { BatchHandler, Handler } from '../consumer/consume/handling.ts'
import type {
  ConsumeBatchesOptions,
  ConsumeOptions,
  RepublishOptions,
} from '../consumer/consume/options.ts'
import type { ConsumerResult } from '../consumer/consume/report.ts'
import { Consuming } from '../consumer/consuming.ts'
import type { EventStream } from '../consumer/stream/event-stream.ts'
import type { StreamOptions } from '../consumer/stream/options.ts'
import { explain } from '../operations/explain.ts'
import type { ExplainOptions } from '../operations/explain.ts'
import type { Explanation } from '../operations/explanation.ts'
import { status } from '../operations/status.ts'
import type { Status, StatusOptions } from '../operations/status-report.ts'
import { Outbox } from '../outbox/outbox.ts'
import type { EventLimits } from '../outbox/encode-event.ts'
import { Relay } from '../relay/relay.ts'
import type { RelayOptions } from '../relay/options.ts'

/** The most bytes of a record where no broker is there to ask: what Kafka's defaults take. */
const MAX_RECORD_BYTES = 1_000_000

export interface EventBusOptions<Tx = unknown> {
  /** Where events are stored: `postgres(…)`, `sqlite(…)`. Not needed to consume. */
  readonly store?: OutboxStore<Tx>
  /** Where they go and are read: `kafka(…)`, `local(…)`. Not needed to send. */
  readonly broker?: Broker
  /** How an event becomes a record, and back: `cloudEvents(…)`. Not needed to send. */
  readonly codec?: Codec
  /** @defaultValue warnings and errors to the console */
  readonly logger?: Logger
}

/**
 * Sends events inside your transactions, publishes what committed, and streams it back.
 *
 * @example
 * ```ts
 * const bus = new EventBus({ store: postgres({ pool }), broker: kafka({ brokers: ['localhost:9092'] }) })
 * await bus.send(tx, { topic: 'orders', key: order.id, msgType: 'OrderPlaced', payload: order })
 * await using relay = await bus.startRelay()
 * for await (const event of bus.stream('orders', { group: 'billing' })) await bill(event.json())
 * ```
 */
export class EventBus<Tx = unknown> implements AsyncDisposable {
  readonly #store: OutboxStore<Tx> | undefined
  readonly #broker: Broker | undefined
  readonly #codecFor: (topic: string) => Codec
  readonly #logger: Logger
  readonly #outbox: Outbox<Tx> | undefined
  readonly #relays = new Set<Relay>()
  readonly #consuming: Consuming | undefined
  #closed: Promise<void> | null = null

  constructor(options: EventBusOptions<Tx>) {
    knownOptions('EventBus', options, ['store', 'broker', 'codec', 'logger'])
    const { store, broker, codec, logger = defaultLogger } = options
    if (store === undefined && broker === undefined) {
      throw new OptionError(
        'EventBus',
        options,
        'a store, to send; a broker, to consume; both, to relay',
      )
    }
    if (store !== undefined)
      requireMethods('EventBus.store', store, ['append', 'openRelaySession'], STORE)
    if (broker !== undefined)
      requireMethods(
        'EventBus.broker',
        broker,
        ['openPublisher', 'openLog', 'openProducer'],
        BROKER,
      )
    if (codec !== undefined) requireMethods('EventBus.codec', codec, ['encode', 'decode'], CODEC)
    requireMethods('EventBus.logger', logger, ['debug', 'info', 'warn', 'error'], LOGGER)
    const shared = codec ?? cloudEvents()
    this.#store = store
    this.#broker = broker
    this.#codecFor = () => shared
    this.#logger = logger
    this.#consuming =
      broker &&
      new Consuming({
        broker,
        codecFor: this.#codecFor,
        logger,
        inboxOf: (name, value) => this.#inboxOf(name, value),
      })
    this.#outbox =
      store === undefined
        ? undefined
        : new Outbox(store, limitsOf(broker, shared), () => this.#wake(store))
  }

  /** Makes or changes the tables; gives what it applied. Any number of processes may do it at once. */
  migrate(): Promise<readonly AppliedMigration[]> {
    return this.#required(this.#store, 'store', 'migrate').migrate()
  }

  /**
   * Stores one event, or several in their order, inside the caller's transaction: they exist if,
   * and only if, `tx` commits.
   *
   * Throws on any failure, so that the transaction fails too: an `EventError` or a
   * `TransactionError` before anything is written, a `StoreError` where the database failed.
   */
  async send(tx: Tx, events: EventInput | readonly EventInput[]): Promise<void> {
    await this.#required(this.#outbox, 'store', 'send').send(tx, events)
  }

  /**
   * Starts to publish what was committed, here; any number of processes may, and they share the
   * work. Resolves when it works, or waits for the broker. Throws a `SchemaVersionError`, an
   * `UnsafeStoreError` or a `BrokerError` where waiting would not help.
   */
  async startRelay(options?: RelayOptions): Promise<Relay> {
    const relay: Relay = new Relay(
      {
        store: this.#required(this.#store, 'store', 'relay'),
        broker: this.#required(this.#broker, 'broker', 'relay'),
        codecFor: this.#codecFor,
        logger: this.#logger,
        onStopped: () => this.#relays.delete(relay),
      },
      options,
    )
    // Known before it works, so that a close in between stops it too.
    this.#relays.add(relay)
    try {
      await relay.start()
    } catch (error) {
      this.#relays.delete(relay)
      throw error
    }
    return relay
  }

  /**
   * What became of an event, and what holds it: the first thing on its way that does. It only reads,
   * and each of its questions is short. Throws an `OptionError` where it isn't a uuid.
   */
  async why(uuid: string, options?: ExplainOptions): Promise<Explanation> {
    const store = this.#required(this.#store, 'store', 'look at')
    if (!isUuid(uuid)) throw new OptionError('uuid', uuid, 'the uuid of an event')
    await using inspection = await store.openInspection()
    return await explain(inspection, uuid, options)
  }

  /** How the outbox does: what waits, how fast it goes, and what is wrong. Counts end at a cap. */
  async status(options?: StatusOptions): Promise<Status> {
    await using inspection = await this.#required(this.#store, 'store', 'look at').openInspection()
    return await status(inspection, options)
  }

  /**
   * A topic whose payloads have a schema: `event.data` is of its type wherever the topic is read, and
   * a payload that doesn't fit is a broken record. Any Standard Schema that answers at once will do.
   *
   * @example
   * ```ts
   * const orders = bus.topic('orders', z.object({ id: z.string(), total: z.number() }))
   * for await (const { data } of bus.stream(orders, { group: 'billing' })) await bill(data.total)
   * ```
   */
  topic<T>(name: string, schema: Schema<T>): Topic<T> {
    return topicOf(name, schema)
  }

  /** The events of a topic, or of several. See `EventStream`; it starts with the loop. */
  stream<const Of extends Topics>(topics: Of, options?: StreamOptions): EventStream<DataOf<Of>> {
    const consuming = this.#required(this.#consuming, 'broker', 'stream')
    return consuming.stream<DataOf<Of>>(topics, options)
  }

  /**
   * Gives the events of topics to a handler: one at a time per key, `concurrency` keys side by side.
   * A handler that throws is called again. See `Consumer`; it starts at once.
   *
   * @example
   * ```ts
   * await using billing = bus.consume('orders', { group: 'billing' }, async (event, { signal }) => {
   *   await bill(event.json(), { signal })
   * })
   * ```
   */
  consume<InboxTx = Tx, const Of extends Topics = Topics>(
    topics: Of,
    options: ConsumeOptions<InboxTx>,
    handler: Handler<InboxTx, DataOf<Of>>,
  ): Consumer {
    return this.#required(this.#consuming, 'broker', 'consume').consume(topics, options, handler)
  }

  /** Gives the events of topics to a handler in batches, each of one partition and in its order. */
  consumeBatches<InboxTx = Tx, const Of extends Topics = Topics>(
    topics: Of,
    options: ConsumeBatchesOptions<InboxTx>,
    handler: BatchHandler<InboxTx, DataOf<Of>>,
  ): Consumer {
    const consuming = this.#required(this.#consuming, 'broker', 'consume')
    return consuming.consumeBatches(topics, options, handler)
  }

  /**
   * Gives the dead letters of a topic and group that are there now to the group's handler, with the
   * group's inbox, as the events that they were. What fails again is a dead letter again. `options`
   * are those of `consume`. Resolves when it is through.
   */
  async redrive<InboxTx = Tx, T = unknown>(
    topic: string | Topic<T>,
    options: ConsumeOptions<InboxTx>,
    handler: Handler<InboxTx, T>,
  ): Promise<ConsumerResult> {
    return this.#required(this.#consuming, 'broker', 'consume').redrive(topic, options, handler)
  }

  /**
   * Publishes the dead letters of a topic and group that are there now to the topic again, byte for
   * byte: every group that reads it gets them, behind what it holds by now. For this group alone
   * there is `redrive`, with which it shares the marks: a letter is done by the one or the other.
   * Rejects with the `BrokerError` of the first one that is refused; those from there on stay. What
   * was under way then, or when the process died, may be published twice.
   */
  async republish(topic: string | Topic, options: RepublishOptions): Promise<ConsumerResult> {
    return this.#required(this.#consuming, 'broker', 'publish').republish(topic, options)
  }

  /** Ends the streams and consumers of a topic and group that are open here; what they have in hand may finish. */
  unsubscribe(topic: string, group: string): Promise<void> {
    return this.#consuming?.open.unsubscribe(topic, group) ?? Promise.resolve()
  }

  /** The groups that read a topic here. */
  listSubscribers(topic: string): string[] {
    return this.#consuming?.open.listSubscribers(topic) ?? []
  }

  /** Ends streams, consumers and relays, with what they have in hand, and closes the connections. */
  close(): Promise<void> {
    this.#closed ??= this.#close()
    return this.#closed
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  async #close(): Promise<void> {
    await Promise.all([
      this.#consuming?.open.closeAll(),
      ...[...this.#relays].map((relay) => relay.stop()),
    ])
    await Promise.all([this.#broker?.close(), this.#store?.close()])
  }

  #inboxOf(name: string, given: unknown): Inbox | null {
    if (given === undefined) return null
    const from: unknown =
      given === true ? this.#required(this.#store, 'store', 'use its inbox') : given
    const inbox: unknown = (from as Partial<OutboxStore> | null)?.inbox ?? from
    // Both: every EventEmitter, a pool of pg for one, has a `once`.
    requireMethods(name, inbox, ['once', 'clean'], 'true, or a store with an inbox')
    return inbox as Inbox
  }

  #wake(store: OutboxStore<Tx>): void {
    for (const relay of this.#relays) relay.wake()
    store.announce()
  }

  #required<T>(part: T | undefined, option: string, use: string): T {
    if (this.#closed !== null) throw new OncommitError('ONCOMMIT_STOPPED', 'the bus was closed')
    if (part === undefined)
      throw new OptionError(`EventBus.${option}`, part, `a ${option}, to ${use}`)
    return part
  }
}

const STORE = 'an OutboxStore: postgres(…), sqlite(…)'
const BROKER = 'a Broker: kafka(…), local(…)'
const CODEC = 'a Codec: cloudEvents(…)'
const LOGGER = 'a logger with debug, info, warn and error: console, pino'

function limitsOf(broker: Broker | undefined, codec: Codec): EventLimits {
  return {
    maxRecordBytes: broker?.maxRecordBytes ?? MAX_RECORD_BYTES,
    recordBytes: (event) => recordBytes(codec.encode(event)),
    topicProblem: (topic) =>
      broker === undefined ? topicNameProblem(topic) : broker.topicProblem(topic),
  }
}
