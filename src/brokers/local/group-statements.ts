import type { Mark, TopicPartition } from '../../core/log.ts'
import type { GroupMember } from './assignment.ts'
import type { LogDatabase } from './log-database.ts'

/** What a member sees of its group; `null` where it was expelled. */
export type MemberView = {
  readonly generation: number
  readonly isRebalancing: boolean
  /** It holds nothing, and waits for the others. */
  readonly isReady: boolean
} | null

export interface NewMember {
  readonly id: string
  readonly group: string
  readonly topics: readonly string[]
  readonly sessionMs: number
}

export function insertGroup(database: LogDatabase, group: string): void {
  database.statement('insert into groups (name) values (?) on conflict do nothing').run(group)
}

export function selectGeneration(database: LogDatabase, group: string): number {
  const row = database.statement('select generation from groups where name = ?').get(group) as
    | { generation: number }
    | undefined
  return row?.generation ?? 0
}

/** Nothing where the group is rebalancing already. */
export function startRebalance(database: LogDatabase, group: string, now: number): void {
  const { changes } = database
    .statement(
      'update groups set rebalancing_since = ? where name = ? and rebalancing_since is null',
    )
    .run(now, group)
  if (changes > 0)
    database.statement('update members set ready = 0 where group_name = ?').run(group)
}

export function updateGeneration(database: LogDatabase, group: string): void {
  database
    .statement(
      'update groups set generation = generation + 1, rebalancing_since = null where name = ?',
    )
    .run(group)
}

export function insertMember(database: LogDatabase, member: NewMember, now: number): void {
  database
    .statement(
      'insert into members (id, group_name, topics, session_ms, beat_at) values (?, ?, ?, ?, ?)',
    )
    .run(member.id, member.group, JSON.stringify(member.topics), member.sessionMs, now)
}

export function updateBeat(database: LogDatabase, memberId: string, now: number): void {
  database.statement('update members set beat_at = ? where id = ?').run(now, memberId)
}

export function updateReady(database: LogDatabase, memberId: string): void {
  database.statement('update members set ready = 1 where id = ?').run(memberId)
}

export function deleteMember(database: LogDatabase, memberId: string): number {
  return Number(database.statement('delete from members where id = ?').run(memberId).changes)
}

export function deleteMembers(database: LogDatabase, group: string): number {
  return Number(database.statement('delete from members where group_name = ?').run(group).changes)
}

export function deleteSilentMembers(
  database: LogDatabase,
  group: string,
  now: number,
  awakeSince: number,
): number {
  const { changes } = database
    .statement(
      `delete from members
        where group_name = :group
          and (max(beat_at, :awakeSince) + session_ms < :now
            or (ready = 0 and max(:awakeSince, (
                  select rebalancing_since from groups
                   where name = :group and rebalancing_since is not null))
                + session_ms < :now))`,
    )
    .run({ group, now, awakeSince })
  return Number(changes)
}

export function selectUnreadyCount(database: LogDatabase, group: string): number {
  const row = database
    .statement('select count(*) as count from members where group_name = ? and ready = 0')
    .get(group) as { count: number }
  return row.count
}

export function selectMembers(database: LogDatabase, group: string): readonly GroupMember[] {
  const rows = database
    .statement('select id, topics from members where group_name = ? order by joined')
    .all(group) as { id: string; topics: string }[]
  return rows.map(({ id, topics }) => ({ id, topics: JSON.parse(topics) as string[] }))
}

export function selectGroupsOf(database: LogDatabase, topic: string): readonly string[] {
  const rows = database
    .statement(
      `select distinct group_name from members
        where exists (select 1 from json_each(members.topics) where value = ?)`,
    )
    .all(topic) as { group_name: string }[]
  return rows.map((row) => row.group_name)
}

export function selectMemberView(database: LogDatabase, memberId: string): MemberView {
  const row = database
    .statement(
      `select generation, rebalancing_since, ready
         from members join groups on groups.name = members.group_name
        where members.id = ?`,
    )
    .get(memberId) as
    | { generation: number; rebalancing_since: number | null; ready: number }
    | undefined
  if (row === undefined) return null
  return {
    generation: row.generation,
    isRebalancing: row.rebalancing_since !== null,
    isReady: row.ready === 1,
  }
}

export function deleteAssignments(database: LogDatabase, group: string): void {
  database.statement('delete from assignments where group_name = ?').run(group)
}

export function insertAssignment(
  database: LogDatabase,
  group: string,
  memberId: string,
  { topic, partition }: TopicPartition,
): void {
  database
    .statement(
      'insert into assignments (group_name, topic, partition, member_id) values (?, ?, ?, ?)',
    )
    .run(group, topic, partition, memberId)
}

export function selectAssignment(
  database: LogDatabase,
  memberId: string,
): readonly TopicPartition[] {
  const rows = database
    .statement(
      `select topic, partition from assignments join members
           on members.id = assignments.member_id and members.group_name = assignments.group_name
        where member_id = ? order by topic, partition`,
    )
    .all(memberId) as { topic: string; partition: number }[]
  return rows.map(({ topic, partition }) => ({ topic, partition }))
}

/** In this generation, by a member that has not given its partitions up. */
export function isOwned(database: LogDatabase, memberId: string, mark: Mark): boolean {
  const row = database
    .statement(
      `select 1 from assignments
         join members on members.id = assignments.member_id
         join groups on groups.name = assignments.group_name
        where members.id = ? and topic = ? and partition = ? and generation = ?
          and (rebalancing_since is null or ready = 0)`,
    )
    .get(memberId, mark.topic, mark.partition, mark.generation)
  return row !== undefined
}

export function selectCommit(
  database: LogDatabase,
  group: string,
  { topic, partition }: TopicPartition,
): bigint | null {
  const row = database
    .statement('select "offset" from commits where group_name = ? and topic = ? and partition = ?')
    .get(group, topic, partition) as { offset: number } | undefined
  return row === undefined ? null : BigInt(row.offset)
}

export function upsertCommit(database: LogDatabase, group: string, mark: Mark): void {
  database
    .statement(
      `insert into commits (group_name, topic, partition, "offset") values (?, ?, ?, ?)
       on conflict (group_name, topic, partition) do update set "offset" = excluded."offset"`,
    )
    .run(group, mark.topic, mark.partition, mark.offset)
}

export function selectUnhandled(database: LogDatabase): number {
  const row = database
    .statement(
      `with subscribed as (
         select distinct group_name, json_each.value as topic
           from members, json_each(members.topics))
       select count(*) as count
         from subscribed
         join topics on topics.name = subscribed.topic
         join partitions on partitions.topic_id = topics.id
         left join commits on commits.group_name = subscribed.group_name
          and commits.topic = subscribed.topic and commits.partition = partitions.number
        where next_offset > coalesce(commits."offset", start_offset)`,
    )
    .get() as { count: number }
  return row.count
}
