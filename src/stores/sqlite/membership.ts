import type {
  RelayReport,
  RelayState,
  RelayView,
  Tick,
  WaitingReport,
} from '../../core/outbox-store.ts'
import { NOW } from './clock-sql.ts'
import type { Queryable } from './database.ts'

/** Adds a relay's row. `name` is what the names of the tables begin with, here and below. */
export function enroll(
  database: Queryable,
  name: string,
  relay: { id: string; fence: string; protocol: number; ttlMs: number },
): void {
  database.run(
    `insert into ${name}_relays (id, fence, protocol, expires_at) values (?, ?, ?, ${NOW} + ?)`,
    relay.id,
    relay.fence,
    relay.protocol,
    relay.ttlMs,
  )
}

/** Renews, shows the view, and takes the lanes that `claim` chose. */
export function tick(
  database: Queryable,
  name: string,
  me: { relayId: string; ttlMs: number; report?: RelayReport },
  claim: (view: RelayView) => readonly number[],
): Tick {
  if (!renew(database, name, me)) return { state: 'fenced' }
  if (me.report !== undefined) report(database, name, me.relayId, me.report)
  const lanes = readLanes(database, name)
  const lanesOf = (owner: string | null): number[] =>
    lanes.filter((row) => row.owner === owner).map(({ lane }) => lane)
  const view = {
    relays: readRelays(database, name),
    owned: lanesOf(me.relayId),
    free: lanesOf(null),
  }
  const claimed = claim(view).filter((lane) => claimLane(database, name, me.relayId, lane))
  const owned = [...view.owned, ...claimed].toSorted((a, b) => a - b)
  const relays = view.relays.map(({ id, protocol, state, lanes: count }) => ({
    id,
    protocol,
    state,
    lanes: id === me.relayId ? owned.length : count,
  }))
  return { state: 'live', owned, relays }
}

function renew(database: Queryable, name: string, me: { relayId: string; ttlMs: number }): boolean {
  const renewed = database.run(
    `update ${name}_relays set expires_at = ${NOW} + ? where id = ? and fenced_at is null`,
    me.ttlMs,
    me.relayId,
  )
  return renewed === 1
}

function report(database: Queryable, name: string, relayId: string, said: RelayReport): void {
  const { brokerAwayMs, lastError, settledMs } = said
  database.run(
    `update ${name}_relays set reported_at = ${NOW}, broker_since = ${NOW} - ?, last_error = ?, last_settle_at = ${NOW} - ? where id = ?`,
    wholeMs(brokerAwayMs),
    lastError === null ? null : lastError.replaceAll('\0', '').slice(0, 500).toWellFormed(),
    wholeMs(settledMs),
    relayId,
  )
}

function wholeMs(ms: number | null): bigint | null {
  return ms === null ? null : BigInt(Math.round(ms))
}

function readRelays(database: Queryable, name: string): readonly RelayState[] {
  const rows = database.all(
    `select r.id, r.protocol, case when r.fenced_at is not null then 'fenced' when r.expires_at < ${NOW} then 'expired' else 'live' end,
       (select count(*) from ${name}_lanes l where l.owner = r.id) from ${name}_relays r order by r.id`,
  )
  return rows.map(([id, protocol, state, lanes]) => ({
    id: String(id),
    protocol: Number(protocol),
    state: state as RelayState['state'],
    lanes: Number(lanes),
  }))
}

function readLanes(
  database: Queryable,
  name: string,
): readonly { lane: number; owner: string | null }[] {
  return database
    .all(`select lane, owner from ${name}_lanes order by lane`)
    .map(([lane, owner]) => ({ lane: Number(lane), owner: owner as string | null }))
}

/** `false` where the lane has an owner, or doesn't exist. */
function claimLane(database: Queryable, name: string, relayId: string, lane: number): boolean {
  const claimed = database.run(
    `update ${name}_lanes set owner = ?, epoch = epoch + 1 where lane = ? and owner is null`,
    relayId,
    lane,
  )
  return claimed === 1
}

/** Whether a relay may decide about what is on a lane. */
export function ownsLane(
  database: Queryable,
  name: string,
  relayId: string,
  lane: number | bigint,
): boolean {
  const row = database.first(
    `select 1 from ${name}_lanes where lane = ? and owner = ?`,
    lane,
    relayId,
  )
  return row !== undefined
}

/** Says that a relay waits for the broker, or no more. */
export function reportWaiting(
  database: Queryable,
  name: string,
  id: string,
  waiting: WaitingReport | null,
): void {
  if (waiting === null) {
    database.run(`delete from ${name}_waiting_relays where id = ?`, id)
    return
  }
  database.run(
    `insert or replace into ${name}_waiting_relays (id, since, reported_at, error) values (?, ${NOW} - ?, ${NOW}, ?)`,
    id,
    Math.round(waiting.waitingMs),
    waiting.error.slice(0, 500).replaceAll('\0', '').toWellFormed(),
  )
}

/** Gives lanes back. */
export function release(
  database: Queryable,
  name: string,
  relayId: string,
  lanes: readonly number[],
): void {
  for (const lane of lanes)
    database.run(
      `update ${name}_lanes set owner = null where lane = ? and owner = ?`,
      lane,
      relayId,
    )
}

/** Marks a relay fenced where that is due, and gives its fence. */
export function markFenced(
  database: Queryable,
  name: string,
  relayId: string,
  resigning: boolean,
): string | null {
  const row = database.first(
    `update ${name}_relays set fenced_at = coalesce(fenced_at, ${NOW})
     where id = ? and (expires_at < ${NOW} or fenced_at is not null or ?) returning fence`,
    relayId,
    resigning ? 1 : 0,
  )
  return row === undefined ? null : String(row[0])
}

/** Frees the lanes of a fenced relay and removes its row; does nothing to one that isn't fenced. */
export function bury(database: Queryable, name: string, relayId: string): void {
  database.run(`delete from ${name}_relays where id = ? and fenced_at is not null`, relayId)
  database.run(
    `update ${name}_lanes set owner = null, epoch = epoch + 1
     where owner = ?1 and not exists (select 1 from ${name}_relays where id = ?1)`,
    relayId,
  )
}
