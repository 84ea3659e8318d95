import type { TopicPartition } from '../../core/log.ts'
import type { Beat, ConsumerGroup } from './consumer-group.ts'
import { isExpelled } from './consumer-group-errors.ts'
import type { MemberStamp } from './group-requests.ts'
import { partitionKey } from './partition-key.ts'
import { protocolErrors } from './protocol-errors.ts'

/**
 * A member as the group knows it, from a join on. Heartbeats go one after the other: what the member
 * owns changes between two, so that none on its way says otherwise.
 */
export class ConsumerSession {
  readonly memberId: string
  readonly #group: ConsumerGroup
  #epoch: number
  #intervalMs: number
  /** What the group was told, or is to be told next, that the member owns. */
  #reported: readonly TopicPartition[] = []
  /** What the group has given it. */
  #target: readonly TopicPartition[]
  #isFresh = true
  #isOver = false

  private constructor(group: ConsumerGroup, { memberId, epoch, intervalMs, target }: Beat) {
    this.#group = group
    this.memberId = memberId
    this.#epoch = epoch
    this.#intervalMs = intervalMs
    this.#target = target ?? []
  }

  static async join(group: ConsumerGroup, memberId: string): Promise<ConsumerSession> {
    return new ConsumerSession(group, await group.join(memberId))
  }

  /** The group has gone on without the member. */
  get isOver(): boolean {
    return this.#isOver
  }

  end(): void {
    this.#isOver = true
  }

  get intervalMs(): number {
    return this.#intervalMs
  }

  get stamp(): MemberStamp {
    return { memberId: this.memberId, generation: this.#epoch }
  }

  /** Sends a heartbeat and takes in its answer. */
  async beat(): Promise<void> {
    const { memberId } = this
    try {
      const beat = await this.#group.beat({ memberId, epoch: this.#epoch }, this.#reported)
      this.#epoch = beat.epoch
      this.#intervalMs = beat.intervalMs
      this.#target = beat.target ?? this.#target
      this.#isFresh = true
    } catch (error) {
      this.#isFresh = false
      this.#isOver ||= isExpelled(protocolErrors(error))
      throw error
    }
  }

  /** Whether the group has given the member these, and no others. */
  gives(partitions: readonly TopicPartition[]): boolean {
    const keys = new Set(partitions.map(partitionKey))
    const target = this.#target
    return keys.size === target.length && target.every((one) => keys.has(partitionKey(one)))
  }

  /** Owns only what the group still gives; whether the group is to hear of it. */
  giveUp(): boolean {
    const given = new Set(this.#target.map(partitionKey))
    const kept = this.#reported.filter((one) => given.has(partitionKey(one)))
    const isLess = kept.length < this.#reported.length
    this.#reported = kept
    return isLess
  }

  /**
   * Owns what the group gives. `null` where the last heartbeat was not answered: the group may have
   * taken what was not reported to it, and given it to another.
   */
  take(): { readonly partitions: readonly TopicPartition[]; readonly isMore: boolean } | null {
    if (!this.#isFresh) return null
    const isMore = this.#target.length > this.#reported.length
    this.#reported = this.#target
    return { partitions: this.#target, isMore }
  }
}
