import { OncommitError } from '../../core/errors.ts'
import type {
  FetchOptions,
  GroupMembership,
  JoinOptions,
  LogClient,
  LogClientOptions,
  Page,
  Position,
  TopicPartition,
} from '../../core/log.ts'
import { ConsumerGroupMembership } from './consumer-group-membership.ts'
import { Fetcher } from './fetcher.ts'
import { type KafkaConnection, loadKafka } from './kafka-client.ts'
import type { GroupProtocol } from './kafka-options.ts'
import { LogCluster } from './log-cluster.ts'
import { listOffsets, listPartitions } from './log-offsets.ts'
import { Membership } from './membership.ts'
import type { KafkaWire } from './wire.ts'

export interface KafkaLogOptions extends LogClientOptions {
  /** By which its group is joined. @defaultValue 'classic' */
  readonly groupProtocol?: GroupProtocol
}

/**
 * Opens a reader's client. It connects at first use.
 * Throws a `PeerMissingError` where `@platformatic/kafka` is not installed.
 */
export async function openKafkaLog(
  connection: KafkaConnection,
  { clientId, groupProtocol = 'classic' }: KafkaLogOptions,
): Promise<LogClient> {
  return new KafkaLog(await loadKafka<KafkaWire>(), { ...connection, clientId }, groupProtocol)
}

/** Reads topics of Kafka. Requests, fetches and joins go over connections of their own. */
class KafkaLog implements LogClient {
  readonly #cluster: LogCluster
  readonly #fetcher: Fetcher
  readonly #groupProtocol: GroupProtocol
  #membership: Membership | ConsumerGroupMembership | null = null
  #closing: Promise<void> | null = null

  constructor(wire: KafkaWire, connection: KafkaConnection, groupProtocol: GroupProtocol) {
    this.#groupProtocol = groupProtocol
    this.#cluster = new LogCluster(wire, connection)
    this.#fetcher = new Fetcher(this.#cluster)
  }

  async partitions(topics: readonly string[]): Promise<readonly TopicPartition[]> {
    this.#refuseClosed()
    return listPartitions(this.#cluster, topics)
  }

  async offsets(
    partitions: readonly TopicPartition[],
    at: 'earliest' | 'latest' | Date,
  ): Promise<readonly Position[]> {
    this.#refuseClosed()
    return listOffsets(this.#cluster, partitions, at)
  }

  async join(options: JoinOptions): Promise<GroupMembership> {
    this.#refuseClosed()
    await this.#membership?.leave()
    const ofProtocol = this.#groupProtocol === 'consumer' ? ConsumerGroupMembership : Membership
    const membership = ofProtocol.start(this.#cluster, options)
    this.#membership = membership
    await membership.joined
    return membership
  }

  async fetch(positions: readonly Position[], options: FetchOptions): Promise<readonly Page[]> {
    this.#refuseClosed()
    return this.#fetcher.fetch(positions, options)
  }

  close(): Promise<void> {
    this.#closing ??= this.#close()
    return this.#closing
  }

  async #close(): Promise<void> {
    await this.#membership?.leave()
    await this.#fetcher.close()
    await this.#cluster.close()
  }

  #refuseClosed(): void {
    if (this.#closing !== null)
      throw new OncommitError('ONCOMMIT_STOPPED', "a reader's client was closed")
  }
}
