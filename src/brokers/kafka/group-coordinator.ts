import type { Position, TopicPartition } from '../../core/log.ts'
import { assignPartitions, type GroupMember } from './assignment.ts'
import { GroupRequests, type MemberStamp } from './group-requests.ts'
import { isTopicDescription, type LogCluster } from './log-cluster.ts'
import { byTopic } from './partition-key.ts'
import type { JoinAnswer, Pool, TopicPartitions } from './wire.ts'

const PROTOCOL_TYPE = 'consumer'
/**
 * What the strategy is called among a group's members, who must share a name. Ours is both: these
 * are the names that other clients have by default, so that a group can move from one to the other.
 */
const PROTOCOLS = ['roundrobin', 'range']

export interface GroupOptions {
  readonly group: string
  readonly topics: readonly string[]
  readonly sessionTimeoutMs: number
  readonly rebalanceTimeoutMs: number
}

/** What a member is given by its group. */
export interface Assignment extends MemberStamp {
  readonly partitions: readonly TopicPartition[]
  /** Of the leader: how many partitions each topic had when it gave them away; of others `null`. */
  readonly partitionCounts: ReadonlyMap<string, number> | null
}

/** The requests of the classic protocol. It throws the client's own errors. */
export class GroupCoordinator {
  readonly #cluster: LogCluster
  readonly #options: GroupOptions
  /** Joining waits for all members: nothing else may stand behind it. */
  readonly #joining: Pool
  readonly #requests: GroupRequests

  constructor(cluster: LogCluster, options: GroupOptions) {
    this.#cluster = cluster
    this.#options = options
    this.#requests = new GroupRequests(cluster, options.group)
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
    return this.#requests.ask(
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
    const { assignment } = await this.#requests.ask(
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
    await this.#requests.ask('Heartbeat', [this.#options.group, generation, memberId, null])
  }

  async leave(memberId: string): Promise<void> {
    await this.#requests.ask('LeaveGroup', [this.#options.group, [{ memberId }]])
  }

  async commit(stamp: MemberStamp, marks: readonly Position[]): Promise<void> {
    await this.#requests.commit(stamp, marks)
  }

  async committed(partitions: readonly TopicPartition[]): Promise<readonly Position[]> {
    return this.#requests.committed(partitions)
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
