import { BrokerError } from '../../core/errors.ts'
import type { Position, TopicPartition } from '../../core/log.ts'
import { GroupRequests, type MemberStamp } from './group-requests.ts'
import { isTopicDescription, type LogCluster } from './log-cluster.ts'
import { byTopic } from './partition-key.ts'
import type { ConsumerGroupAnswer, TopicIdPartitions } from './wire.ts'

const JOINING = 0
const LEAVING = -1

export interface ConsumerGroupOptions {
  readonly group: string
  readonly topics: readonly string[]
  readonly rebalanceTimeoutMs: number
}

/** What the group answers to a heartbeat. */
export interface Beat {
  readonly memberId: string
  readonly epoch: number
  readonly intervalMs: number
  /** What the member is to own now; `null` where the group did not say. */
  readonly target: readonly TopicPartition[] | null
}

/** The requests of the consumer group protocol (KIP-848). It throws the client's own errors. */
export class ConsumerGroup {
  readonly #cluster: LogCluster
  readonly #options: ConsumerGroupOptions
  readonly #requests: GroupRequests
  readonly #idOfTopic = new Map<string, string>()
  readonly #topicOfId = new Map<string, string>()

  constructor(cluster: LogCluster, options: ConsumerGroupOptions) {
    this.#cluster = cluster
    this.#options = options
    this.#requests = new GroupRequests(cluster, options.group)
  }

  async join(memberId: string): Promise<Beat> {
    return this.beat({ memberId, epoch: JOINING }, [])
  }

  /**
   * A heartbeat. The group gives a partition to another member only when a heartbeat has come whose
   * `owned` lacks it. Everything is told each time, so that a lost answer loses nothing.
   */
  async beat(
    { memberId, epoch }: { memberId: string; epoch: number },
    owned: readonly TopicPartition[],
  ): Promise<Beat> {
    const answer = await this.#send(memberId, epoch, owned)
    return {
      memberId: answer.memberId ?? memberId,
      epoch: answer.memberEpoch,
      intervalMs: answer.heartbeatIntervalMs,
      target:
        answer.assignment === null ? null : await this.#named(answer.assignment.topicPartitions),
    }
  }

  async leave(memberId: string): Promise<void> {
    await this.#send(memberId, LEAVING, [])
  }

  async commit(stamp: MemberStamp, marks: readonly Position[]): Promise<void> {
    await this.#requests.commit(stamp, marks)
  }

  async committed(partitions: readonly TopicPartition[]): Promise<readonly Position[]> {
    return this.#requests.committed(partitions)
  }

  /** Which of the topics the user may not see: the group refuses all for one, and does not say which. */
  async forbiddenTopic(): Promise<BrokerError | null> {
    const states = await this.#cluster.describe(this.#options.topics)
    const found = [...states.values()].find((one) => one instanceof BrokerError && one.forbidden)
    return found instanceof BrokerError ? found : null
  }

  async #send(
    memberId: string,
    epoch: number,
    owned: readonly TopicPartition[],
  ): Promise<ConsumerGroupAnswer> {
    const { group, topics, rebalanceTimeoutMs } = this.#options
    return this.#requests.ask('ConsumerGroupHeartbeat', [
      ...([group, memberId, epoch, null, null, rebalanceTimeoutMs] as const),
      ...([topics, null, null, this.#withIds(owned)] as const),
    ])
  }

  #withIds(owned: readonly TopicPartition[]): readonly TopicIdPartitions[] {
    return Array.from(byTopic(owned), ([topic, ofTopic]) => ({
      topicId: this.#idOfTopic.get(topic) ?? '',
      partitions: ofTopic.map((one) => one.partition),
    })).filter((one) => one.topicId !== '')
  }

  /** Partitions of a topic whose name nobody knows yet come with a later heartbeat. */
  async #named(assigned: readonly TopicIdPartitions[]): Promise<readonly TopicPartition[]> {
    if (assigned.some((one) => !this.#topicOfId.has(one.topicId))) await this.#learnIds()
    return assigned.flatMap(({ topicId, partitions }) => {
      const topic = this.#topicOfId.get(topicId)
      if (topic === undefined) return []
      return partitions.map((partition) => ({ topic, partition }))
    })
  }

  async #learnIds(): Promise<void> {
    for (const [topic, state] of await this.#cluster.describe(this.#options.topics)) {
      if (!isTopicDescription(state)) continue
      this.#idOfTopic.set(topic, state.id)
      this.#topicOfId.set(state.id, topic)
    }
  }
}
