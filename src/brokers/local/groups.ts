import type { Mark, Position, TopicPartition } from '../../core/log.ts'
import { assignPartitions } from './assignment.ts'
import * as sql from './group-statements.ts'
import type { MemberView, NewMember } from './group-statements.ts'
import type { LogDatabase } from './log-database.ts'
import type { Topics } from './topics.ts'

/**
 * Consumer groups. A group is stable in a generation until a member joins, leaves or is expelled.
 * Then it rebalances: every member gives up what it holds and says so; when all have, the
 * generation rises and the partitions are shared anew. Who joins meanwhile holds nothing and is
 * ready at once; who leaves is not waited for; who says nothing for its session timeout is expelled.
 * Every method is one transaction.
 */
export class Groups {
  readonly #database: LogDatabase
  readonly #topics: Topics

  constructor(database: LogDatabase, topics: Topics) {
    this.#database = database
    this.#topics = topics
  }

  join(member: NewMember, now: number): void {
    this.#database.transaction(() => {
      sql.insertGroup(this.#database, member.group)
      sql.deleteSilentMembers(this.#database, member.group, now, 0)
      sql.startRebalance(this.#database, member.group, now)
      sql.insertMember(this.#database, member, now)
      this.#finishRebalance(member.group)
    })
  }

  leave(group: string, memberId: string, now: number): void {
    this.#remove(group, now, () => sql.deleteMember(this.#database, memberId))
  }

  /** All members of the group where no one is named. */
  expel(group: string, memberId: string | undefined, now: number): void {
    this.#remove(group, now, () =>
      memberId === undefined
        ? sql.deleteMembers(this.#database, group)
        : sql.deleteMember(this.#database, memberId),
    )
  }

  /**
   * A sign of life. Expels members whose sessions are over; `awakeSince` is when the caller came
   * back from a pause of its own, in which it may have kept the others from speaking up.
   */
  beat(group: string, memberId: string, now: number, awakeSince: number): void {
    this.#remove(group, now, () => {
      sql.updateBeat(this.#database, memberId, now)
      return sql.deleteSilentMembers(this.#database, group, now, awakeSince)
    })
  }

  /** The member holds nothing any more. */
  ready(group: string, memberId: string): void {
    this.#database.transaction(() => {
      sql.updateReady(this.#database, memberId)
      this.#finishRebalance(group)
    })
  }

  rebalance(group: string, now: number): void {
    this.#database.transaction(() => {
      sql.startRebalance(this.#database, group, now)
      this.#finishRebalance(group)
    })
  }

  /** A topic was made that members wait for. */
  topicAdded(topic: string, now: number): void {
    this.#database.transaction(() => {
      for (const group of sql.selectGroupsOf(this.#database, topic)) {
        sql.startRebalance(this.#database, group, now)
        this.#finishRebalance(group)
      }
    })
  }

  view(memberId: string): MemberView {
    return sql.selectMemberView(this.#database, memberId)
  }

  generation(group: string): number {
    return sql.selectGeneration(this.#database, group)
  }

  members(group: string): readonly string[] {
    return sql.selectMembers(this.#database, group).map((member) => member.id)
  }

  /** What the member holds in the group's generation, which may be newer than one seen before. */
  assignment(memberId: string): {
    readonly generation: number
    readonly partitions: readonly TopicPartition[]
  } {
    return this.#database.snapshot(() => ({
      generation: sql.selectMemberView(this.#database, memberId)?.generation ?? 0,
      partitions: sql.selectAssignment(this.#database, memberId),
    }))
  }

  committed(group: string, partitions: readonly TopicPartition[]): readonly Position[] {
    return partitions.flatMap(({ topic, partition }) => {
      const offset = sql.selectCommit(this.#database, group, { topic, partition })
      return offset === null ? [] : [{ topic, partition, offset }]
    })
  }

  /** Commits the marks of partitions that the member owns; `false` where one was of another's. */
  commit(group: string, memberId: string, marks: readonly Mark[]): boolean {
    return this.#database.transaction(() => {
      const owned = marks.filter((mark) => sql.isOwned(this.#database, memberId, mark))
      for (const mark of owned) sql.upsertCommit(this.#database, group, mark)
      return owned.length === marks.length
    })
  }

  /** Whether every group with members has committed all that its topics hold. */
  isIdle(): boolean {
    return sql.selectUnhandled(this.#database) === 0
  }

  #remove(group: string, now: number, remove: () => number): void {
    this.#database.transaction(() => {
      if (remove() === 0) return
      sql.startRebalance(this.#database, group, now)
      this.#finishRebalance(group)
    })
  }

  #finishRebalance(group: string): void {
    if (sql.selectUnreadyCount(this.#database, group) > 0) return
    const members = sql.selectMembers(this.#database, group)
    const partitionsOf = (topic: string): number =>
      this.#topics.find(topic)?.partitionIds.length ?? 0
    sql.deleteAssignments(this.#database, group)
    for (const { memberId, ...partition } of assignPartitions(members, partitionsOf))
      sql.insertAssignment(this.#database, group, memberId, partition)
    sql.updateGeneration(this.#database, group)
  }
}
