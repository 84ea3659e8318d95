import { BrokerError } from '../../core/errors.ts'
import { answeredCodes } from './failures.ts'
import {
  loadKafka,
  type BrokerAddress,
  type ConnectionPool,
  type KafkaApi,
  type KafkaConnection,
  type KafkaPeer,
  type MetadataResponse,
  type NodeConnection,
} from './kafka-client.ts'

/**
 * The brokers of one cluster over connections of its own, so that requests of two such objects
 * never wait for each other.
 */
export class Cluster {
  readonly peer: KafkaPeer
  readonly #pool: ConnectionPool
  readonly #bootstrap: readonly BrokerAddress[]
  readonly #nodes = new Map<number, BrokerAddress>()
  #turn: number
  #closed = false

  constructor(peer: KafkaPeer, connection: KafkaConnection) {
    this.peer = peer
    this.#pool = new peer.ConnectionPool(connection.clientId, connection.clientOptions)
    // A socket's error also rejects the request that it hits; unheard it would end the process.
    this.#pool.on('connecting', (event) => event.connection.on('error', () => {}))
    this.#bootstrap = connection.clientOptions.bootstrapBrokers.map((broker) =>
      peer.parseBroker(broker, 9092),
    )
    // Not the first: where that one hangs, each publisher after it would begin with it again.
    this.#turn = Math.floor(Math.random() * this.#bootstrap.length)
  }

  /** Throws a `PeerMissingError`. */
  static async open(connection: KafkaConnection): Promise<Cluster> {
    return new Cluster(await loadKafka(), connection)
  }

  get closed(): boolean {
    return this.#closed
  }

  /** Asks any broker; another one after each failure, since one may accept connections and hang. */
  async askAny<Args extends readonly unknown[], Response>(
    api: KafkaApi<Args, Response>,
    ...args: Args
  ): Promise<Response> {
    this.#refuseClosed()
    const all = [...this.#bootstrap, ...this.#nodes.values()]
    const from = this.#turn % all.length
    try {
      const connection = await this.#pool.getFirstAvailable([
        ...all.slice(from),
        ...all.slice(0, from),
      ])
      return await api.async(connection, ...args)
    } catch (error) {
      if (answeredCodes(error).length === 0) this.#turn++
      throw error
    }
  }

  async askNode<Args extends readonly unknown[], Response>(
    node: number,
    api: KafkaApi<Args, Response>,
    ...args: Args
  ): Promise<Response> {
    return api.async(await this.connectionTo(node), ...args)
  }

  async connectionTo(node: number): Promise<NodeConnection> {
    this.#refuseClosed()
    const address = this.#nodes.get(node)
    if (address === undefined) throw new BrokerError('away', `Kafka: broker ${node} is not known`)
    return this.#pool.get(address)
  }

  /** What the brokers know of these topics. A topic's own failure is in its `errorCode`. */
  async metadata(topics: readonly string[], withOperations = false): Promise<MetadataResponse> {
    const response = await responseOf(
      this.askAny(this.peer.metadataV12.api, topics, false, withOperations),
    )
    this.#nodes.clear()
    for (const { nodeId, host, port } of response.brokers) this.#nodes.set(nodeId, { host, port })
    return response
  }

  /** The broker that coordinates a transactional id. */
  async coordinatorOf(transactionalId: string): Promise<number> {
    const { coordinators } = await this.askAny(this.peer.findCoordinatorV4.api, 1, [
      transactionalId,
    ])
    const found = coordinators[0]
    if (found === undefined) throw new BrokerError('unknown', 'Kafka: no coordinator in the answer')
    this.#nodes.set(found.nodeId, { host: found.host, port: found.port })
    return found.nodeId
  }

  /** Drops the connections: what is under way fails, and nothing is flushed first. */
  close(): void {
    this.#closed = true
    for (const [, connection] of this.#pool) connection.socket?.destroy()
    void this.#pool.close()
  }

  #refuseClosed(): void {
    if (this.#closed) throw new BrokerError('away', 'Kafka: the client was closed')
  }
}

/** The response also where the client threw because a part of it is an error. */
export async function responseOf<Response>(asked: Promise<Response>): Promise<Response> {
  try {
    return await asked
  } catch (error) {
    const { response } = error as { response?: Response }
    if (response === undefined || response === null) throw error
    return response
  }
}
