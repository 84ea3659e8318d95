import { BrokerError } from '../../core/errors.ts'
import type { Position, TopicPartition } from '../../core/log.ts'
import { assignPartitions, type GroupMember } from './assignment.ts'
import { isTopicDescription, type LogCluster } from './log-cluster.ts'
import { byTopic } from './partition-key.ts'
import { protocolErrors } from './protocol-errors.ts'
import type { JoinAnswer, Pool, Requests, TopicPartitions } from './wire.ts'

const GROUP = 0
const PROTOCOL_TYPE = 'consumer'
/**
 * What the strategy is called among a group's members, who must share a name. Ours is both: these
 * are the names that other clients have by default, so that a group can move from one to the other.
 */
const PROTOCOLS = ['roundrobin', 'range']
const NO_OFFSET = -1n

/** What lost or moved the coordinator: it is looked for again. */
const moved: ReadonlySet<string> = new Set([
  'COORDINATOR_NOT_AVAILABLE',
  'COORDINATOR_LOAD_IN_PROGRESS',
  'NOT_COORDINATOR',
])

export interface GroupOptions {
  readonly group: string
  readonly topics: readonly string[]
  readonly sessionTimeoutMs: number
  readonly rebalanceTimeoutMs: number
}

/** A member in one generation of its group: what its commits are stamped with. */
export interface MemberStamp {
  readonly memberId: string
  readonly generation: number
}

/** What a member is given by its group. */
export interface Assignment extends MemberStamp {
  readonly partitions: readonly TopicPartition[]
  /** Of the leader: how many partitions each topic had when it gave them away; of others `null`. */
  readonly partitionCounts: ReadonlyMap<string, number> | null
}

/** A group's requests to its coordinator, whom it finds. It throws the client's own errors. */
export class GroupCoordinator {
  readonly #cluster: LogCluster
  readonly #options: GroupOptions
  /** Joining waits for all members: nothing else may stand behind it. */
  readonly #joining: Pool
  #node: number | null = null

  constructor(cluster: LogCluster, options: GroupOptions) {
    this.#cluster = cluster
    this.#options = options
    this.#joining = cluster.openPool(options.rebalanceTimeoutMs + cluster.requestTimeoutMs)
  }

  /** Joins as `memberId`, or as a new member where it is empty; resolves when the group has one. */
  async join(memberId: string): Promise<JoinAnswer> {
    const { group, topics, sessionTimeoutMs, rebalanceTimeoutMs } = this.#options
    const metadata = this.#cluster.wire.encodeConsumerProtocolSubscription({
      version: 0,
      topics,
      userData: null,
    })
    const protocols = PROTOCOLS.map((name) => ({ name, metadata }))
    return this.#ask(
      'JoinGroup',
      [
        ...([group, sessionTimeoutMs, rebalanceTimeoutMs, memberId] as const),
        ...([null, PROTOCOL_TYPE, protocols, ''] as const),
      ],
      this.#joining,
    )
  }

  /** Gets the member's partitions; the leader gives everybody's away first. */
  async sync(joined: JoinAnswer): Promise<Assignment> {
    const { memberId, generationId: generation, protocolName } = joined
    const isLeader = joined.leader === memberId
    const partitionCounts = isLeader ? await this.countPartitions(this.#topicsOf(joined)) : null
    const { assignment } = await this.#ask(
      'SyncGroup',
      [
        ...([
          this.#options.group,
          generation,
          memberId,
          null,
          PROTOCOL_TYPE,
          protocolName,
        ] as const),
        partitionCounts === null ? [] : this.#assign(joined, partitionCounts),
      ],
      this.#joining,
    )
    const { assignedPartitions } = this.#cluster.wire.decodeConsumerProtocolAssignment(assignment)
    const partitions = assignedPartitions.flatMap((one) =>
      one.partitions.map((partition) => ({ topic: one.topic, partition })),
    )
    return { memberId, generation, partitions, partitionCounts }
  }

  async heartbeat({ generation, memberId }: MemberStamp): Promise<void> {
    await this.#ask('Heartbeat', [this.#options.group, generation, memberId, null])
  }

  async leave(memberId: string): Promise<void> {
    await this.#ask('LeaveGroup', [this.#options.group, [{ memberId }]])
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
    await this.#ask('OffsetCommit', [this.#options.group, generation, memberId, null, topics])
  }

  async committed(partitions: readonly TopicPartition[]): Promise<readonly Position[]> {
    const topics = Array.from(byTopic(partitions), ([name, ofTopic]) => ({
      name,
      partitionIndexes: ofTopic.map((one) => one.partition),
    }))
    const groupId = this.#options.group
    const { groups } = await this.#ask('OffsetFetch', [
      [{ groupId, memberId: null, memberEpoch: -1, topics }],
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

  /** How many partitions each topic has; those that can't be read have none. */
  async countPartitions(topics: readonly string[]): Promise<ReadonlyMap<string, number>> {
    const states = await this.#cluster.describe(topics)
    return new Map(
      topics.map((topic) => {
        const state = states.get(topic)
        return [topic, isTopicDescription(state) ? state.leaders.size : 0]
      }),
    )
  }

  /** Ends a join that waits. */
  async close(): Promise<void> {
    await this.#joining.close()
  }

  async #ask<Name extends keyof Requests>(
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

  async #find(): Promise<number> {
    const { group } = this.#options
    const { coordinators } = await this.#cluster.callAny('FindCoordinator', [GROUP, [group]])
    const found = coordinators[0]
    if (found === undefined) throw new BrokerError('away', `group ${group} has no coordinator now`)
    this.#cluster.know(found.nodeId, found)
    return found.nodeId
  }

  #membersOf(joined: JoinAnswer): readonly GroupMember[] {
    return joined.members.map(({ memberId, metadata }) => ({
      memberId,
      topics: this.#cluster.wire.decodeConsumerProtocolSubscription(metadata).topics,
    }))
  }

  #topicsOf(joined: JoinAnswer): readonly string[] {
    return [...new Set(this.#membersOf(joined).flatMap((member) => member.topics))].toSorted()
  }

  #assign(
    joined: JoinAnswer,
    partitionCounts: ReadonlyMap<string, number>,
  ): { memberId: string; assignment: Buffer }[] {
    const assigned = assignPartitions(this.#membersOf(joined), partitionCounts)
    return Array.from(assigned, ([memberId, partitions]) => ({
      memberId,
      assignment: this.#cluster.wire.encodeConsumerProtocolAssignment({
        version: 0,
        assignedPartitions: toTopicPartitions(partitions),
      }),
    }))
  }
}

function toTopicPartitions(partitions: readonly TopicPartition[]): TopicPartitions[] {
  return Array.from(byTopic(partitions), ([topic, ofTopic]) => ({
    topic,
    partitions: ofTopic.map((one) => one.partition),
  }))
}
