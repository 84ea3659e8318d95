import { BrokerError } from '../../core/errors.ts'
import type { Position, TopicPartition } from '../../core/log.ts'
import type { LogCluster } from './log-cluster.ts'
import { byTopic } from './partition-key.ts'
import { protocolErrors } from './protocol-errors.ts'
import type { Pool, Requests } from './wire.ts'

const GROUP = 0
const NO_OFFSET = -1n

/** What lost or moved the coordinator: it is looked for again. */
const moved: ReadonlySet<string> = new Set([
  'COORDINATOR_NOT_AVAILABLE',
  'COORDINATOR_LOAD_IN_PROGRESS',
  'NOT_COORDINATOR',
])

/** What a member's commits are stamped with: its id, and its generation or epoch. */
export interface MemberStamp {
  readonly memberId: string
  readonly generation: number
}

/**
 * Requests to a group's coordinator, whom it finds, and those that all protocols of groups have in
 * common. It throws the client's own errors.
 */
export class GroupRequests {
  readonly #cluster: LogCluster
  readonly #group: string
  #node: number | null = null

  constructor(cluster: LogCluster, group: string) {
    this.#cluster = cluster
    this.#group = group
  }

  async ask<Name extends keyof Requests>(
    name: Name,
    args: Requests[Name]['args'],
    pool?: Pool,
  ): Promise<Requests[Name]['answer']> {
    try {
      this.#node ??= await this.#find()
      return await this.#cluster.call(this.#node, name, args, pool)
    } catch (error) {
      const answered = protocolErrors(error)
      if (answered.size === 0 || [...answered].some((one) => moved.has(one))) this.#node = null
      throw error
    }
  }

  async commit({ generation, memberId }: MemberStamp, marks: readonly Position[]): Promise<void> {
    const topics = Array.from(byTopic(marks), ([name, ofTopic]) => ({
      name,
      partitions: ofTopic.map(({ partition, offset }) => ({
        partitionIndex: partition,
        committedOffset: offset,
        committedLeaderEpoch: -1,
        committedMetadata: null,
      })),
    }))
    await this.ask('OffsetCommit', [this.#group, generation, memberId, null, topics])
  }

  async committed(partitions: readonly TopicPartition[]): Promise<readonly Position[]> {
    const topics = Array.from(byTopic(partitions), ([name, ofTopic]) => ({
      name,
      partitionIndexes: ofTopic.map((one) => one.partition),
    }))
    const { groups } = await this.ask('OffsetFetch', [
      [{ groupId: this.#group, memberId: null, memberEpoch: -1, topics }],
      false,
    ])
    return groups.flatMap((group) =>
      group.topics.flatMap(({ name: topic, partitions: found }) =>
        found
          .filter((one) => one.committedOffset !== NO_OFFSET)
          .map((one) => ({ topic, partition: one.partitionIndex, offset: one.committedOffset })),
      ),
    )
  }

  async #find(): Promise<number> {
    const group = this.#group
    const { coordinators } = await this.#cluster.callAny('FindCoordinator', [GROUP, [group]])
    const found = coordinators[0]
    if (found === undefined) throw new BrokerError('away', `group ${group} has no coordinator now`)
    this.#cluster.know(found.nodeId, found)
    return found.nodeId
  }
}
