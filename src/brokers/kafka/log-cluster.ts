import { BrokerError } from '../../core/errors.ts'
import { answeredCodes, brokerErrorOfCode } from './failures.ts'
import type { FetchParser } from './fetch-answer.ts'
import type { BrokerAddress, KafkaConnection } from './kafka-client.ts'
import { answerOf } from './protocol-errors.ts'
import type {
  Api,
  ApiRange,
  Connection,
  FetchAnswer,
  KafkaWire,
  MetadataAnswer,
  Pool,
  Requests,
} from './wire.ts'

export interface TopicDescription {
  readonly id: string
  /** The node that leads each partition; -1 where none does now. */
  readonly leaders: ReadonlyMap<number, number>
}

/** A topic as the cluster describes it, or why it can't be read. */
export type TopicState = TopicDescription | BrokerError

export function isTopicDescription(state: TopicState | undefined): state is TopicDescription {
  return state !== undefined && !(state instanceof BrokerError)
}

const DEFAULT_PORT = 9092
const NONE = 0
const UNKNOWN_TOPIC = 3
const LEADER_NOT_AVAILABLE = 5
const INVALID_TOPIC = 17
const TOPIC_FORBIDDEN = 29

/**
 * A reader's view of the cluster: nodes, topics and leaders, and requests over connections of the
 * caller's choice, each in the highest version that both sides know. Nothing is retried here, and
 * what it throws is the client's own error.
 */
export class LogCluster {
  readonly wire: KafkaWire
  readonly #connection: KafkaConnection
  readonly #bootstrap: readonly BrokerAddress[]
  readonly #control: Pool
  readonly #nodes = new Map<number, BrokerAddress>()
  readonly #topics = new Map<string, TopicState>()
  readonly #versions = new WeakMap<Connection, Promise<readonly ApiRange[]>>()
  #turn = 0

  constructor(wire: KafkaWire, connection: KafkaConnection) {
    this.wire = wire
    this.#connection = connection
    const { bootstrapBrokers } = connection.clientOptions
    this.#bootstrap = bootstrapBrokers.map((broker) => wire.parseBroker(broker, DEFAULT_PORT))
    this.#control = this.openPool()
  }

  /** How long an answer may take before the connection counts as dead. */
  get requestTimeoutMs(): number {
    const own = this.#connection.clientOptions['requestTimeout']
    return typeof own === 'number' && own > 0 ? own : 10_000
  }

  /** Connections apart from all others: a broker answers one request of a connection at a time. */
  openPool(requestTimeoutMs: number = this.requestTimeoutMs): Pool {
    const { clientId, clientOptions } = this.#connection
    const pool = new this.wire.ConnectionPool(clientId, {
      ...clientOptions,
      requestTimeout: requestTimeoutMs,
    })
    // The pool listens once; a second 'error' of one connection would end the process.
    pool.on('connecting', (event) => event.connection.on('error', () => {}))
    return pool
  }

  /** Asks for topics. One that can't be read is a `BrokerError` in its place. */
  async describe(topics: readonly string[]): Promise<ReadonlyMap<string, TopicState>> {
    const answer = await this.#metadata(topics)
    for (const { nodeId, host, port } of answer.brokers) this.#nodes.set(nodeId, { host, port })
    const states = new Map<string, TopicState>()
    for (const topic of answer.topics) {
      if (topic.name !== null) states.set(topic.name, toTopicState(topic.name, topic))
    }
    for (const [name, state] of states) this.#topics.set(name, state)
    return states
  }

  /** What is known of a topic, which may be out of date. */
  topic(name: string): TopicState | undefined {
    return this.#topics.get(name)
  }

  /** Has a topic asked for again before it is read the next time. */
  forget(topic: string): void {
    this.#topics.delete(topic)
  }

  /** Takes in where a node is, which another answer than `describe`'s told. */
  know(node: number, { host, port }: BrokerAddress): void {
    this.#nodes.set(node, { host, port })
  }

  /** A request to a node, over connections of the caller's or the shared ones. */
  async call<Name extends keyof Requests>(
    node: number,
    name: Name,
    args: Requests[Name]['args'],
    pool: Pool = this.#control,
  ): Promise<Requests[Name]['answer']> {
    return this.#request(await pool.get(await this.#address(node)), name, args)
  }

  /** The version in which a node is sent a request. */
  async version(node: number, name: keyof Requests, pool: Pool): Promise<number> {
    return (await this.#api(await pool.get(await this.#address(node)), name)).version
  }

  /** A request that any node answers. */
  async callAny<Name extends keyof Requests>(
    name: Name,
    args: Requests[Name]['args'],
  ): Promise<Requests[Name]['answer']> {
    const all = [...this.#bootstrap, ...this.#nodes.values()]
    const from = this.#turn % all.length
    try {
      const inTurn = [...all.slice(from), ...all.slice(0, from)]
      return await this.#request(await this.#control.getFirstAvailable(inTurn), name, args)
    } catch (error) {
      // One that takes connections and answers nothing must not be asked for ever.
      if (answeredCodes(error).length === 0) this.#turn++
      throw error
    }
  }

  async close(): Promise<void> {
    await this.#control.close()
  }

  /** As `call`, with the answer read by `parse` in the client's place. */
  async fetch(
    node: number,
    args: Requests['Fetch']['args'],
    { pool, parse }: { pool: Pool; parse: FetchParser },
  ): Promise<FetchAnswer> {
    const connection = await pool.get(await this.#address(node))
    const api = await this.#api(connection, 'Fetch')
    const sender: Pick<Connection, 'send'> = {
      send: (key, version, create, ...[, ...rest]) =>
        connection.send(key, version, create, parse, ...rest),
    }
    return (await api.async(sender, ...args)) as FetchAnswer
  }

  async #metadata(topics: readonly string[]): Promise<MetadataAnswer> {
    try {
      return await this.callAny('Metadata', [topics, false, false])
    } catch (error) {
      // One topic that is unknown or without a leader makes an error of the whole answer.
      const answer = answerOf(error) as MetadataAnswer | undefined
      if (answer?.topics === undefined) throw error
      return answer
    }
  }

  async #request<Name extends keyof Requests>(
    connection: Connection,
    name: Name,
    args: Requests[Name]['args'],
  ): Promise<Requests[Name]['answer']> {
    const api = await this.#api(connection, name)
    return api.async(connection, ...args)
  }

  async #address(node: number): Promise<BrokerAddress> {
    if (!this.#nodes.has(node)) await this.describe([])
    const address = this.#nodes.get(node)
    if (address === undefined) throw new BrokerError('away', `Kafka: node ${node} is not known`)
    return address
  }

  async #api(connection: Connection, name: keyof Requests): Promise<Api> {
    let asked = this.#versions.get(connection)
    if (asked === undefined) {
      asked = askVersions(this.wire, connection)
      this.#versions.set(connection, asked)
      asked.catch(() => this.#versions.delete(connection))
    }
    const range = (await asked).find((one) => one.name === name)
    for (let at = range?.maxVersion ?? -1; at >= (range?.minVersion ?? 0); at--) {
      const api = apiOf(this.wire, name, at)
      if (api !== undefined) return api
    }
    throw new BrokerError('misconfigured', `Kafka takes no ${name} request that oncommit can send`)
  }
}

async function askVersions(wire: KafkaWire, connection: Connection): Promise<readonly ApiRange[]> {
  // All brokers since 0.10 answer this version; younger ones tell nothing that is needed here.
  const api = apiOf(wire, 'ApiVersions', 1)
  if (api === undefined) throw new TypeError('@platformatic/kafka has no ApiVersions request')
  const answer = (await api.async(connection, '', '')) as Requests['ApiVersions']['answer']
  return answer.apiKeys
}

/** The client exports each version of each request: `fetchV17.api`. */
function apiOf(wire: KafkaWire, name: string, version: number): Api | undefined {
  const exported = `${name.slice(0, 1).toLowerCase()}${name.slice(1)}V${version}`
  return (wire as unknown as Record<string, { api?: Api } | undefined>)[exported]?.api
}

function toTopicState(name: string, topic: MetadataAnswer['topics'][number]): TopicState {
  switch (topic.errorCode) {
    case NONE:
    case LEADER_NOT_AVAILABLE:
      return {
        id: topic.topicId ?? name,
        leaders: new Map(topic.partitions.map((one) => [one.partitionIndex, one.leaderId])),
      }
    case UNKNOWN_TOPIC:
      return brokerErrorOfCode(topic.errorCode, `topic ${name} is unknown`, name)
    case INVALID_TOPIC:
      return brokerErrorOfCode(
        topic.errorCode,
        `no topic can be called ${name}: a name has letters, digits, '.', '_' and '-'`,
        name,
      )
    case TOPIC_FORBIDDEN:
      return brokerErrorOfCode(
        topic.errorCode,
        `topic ${name} may not be read: READ and DESCRIBE on it are needed`,
        name,
      )
    default:
      return brokerErrorOfCode(topic.errorCode, `topic ${name} can't be read`, name)
  }
}
