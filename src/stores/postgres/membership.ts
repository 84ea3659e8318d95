import type {
  RelayReport,
  RelayState,
  RelayView,
  Tick,
  WaitingReport,
} from '../../core/outbox-store.ts'
import { timeoutSql } from './bounded-queries.ts'
import type { Connection, Queryable, Row } from './database.ts'
import { numberArray, quoteLiteral } from './sql-text.ts'

/** Adds a relay's row. `schema` is quoted, here and below. */
export async function enroll(
  database: Queryable,
  schema: string,
  relay: { id: string; fence: string; protocol: number; ttlMs: number },
): Promise<void> {
  await database.query(
    `INSERT INTO ${schema}.relays (id, fence, protocol, expires_at)
     VALUES ($1::text::uuid, $2::text, $3::text::int, clock_timestamp() + $4::text::interval)`,
    [relay.id, relay.fence, String(relay.protocol), milliseconds(relay.ttlMs)],
  )
}

/** Renews, shows the view, and takes the lanes that `claim` chose, all in one transaction. */
export async function tick(
  connection: Connection,
  schema: string,
  me: { relayId: string; ttlMs: number; statementTimeoutMs: number; report?: RelayReport },
  claim: (view: RelayView) => readonly number[],
): Promise<Tick> {
  const relay = `${quoteLiteral(me.relayId)}::uuid`
  const [renewed = [], relayRows = [], laneRows = []] = await connection.script(
    `BEGIN ISOLATION LEVEL READ COMMITTED; ${timeoutSql(me.statementTimeoutMs)} ${renewSql(schema, relay, me)}; ${relaysSql(schema)}; ${lanesSql(schema)}`,
  )
  if (renewed.length === 0) {
    await connection.script('ROLLBACK')
    return { state: 'fenced' }
  }
  const view = viewOf(me.relayId, relayRows, laneRows)
  const chosen = claim(view)
  // Fails outside of a transaction block, where a lost connection would have left us.
  const [claimed = []] = await connection.script(
    `SAVEPOINT claim; ${claimSql(schema, relay, chosen)}; COMMIT`,
  )
  const owned = [...view.owned, ...claimed.map(([lane]) => Number(lane))].toSorted((a, b) => a - b)
  const relays = view.relays.map(({ id, protocol, state, lanes }) => ({
    id,
    protocol,
    state,
    lanes: id === me.relayId.toLowerCase() ? owned.length : lanes,
  }))
  return { state: 'live', owned, relays }
}

function renewSql(
  schema: string,
  relay: string,
  { ttlMs, report }: { ttlMs: number; report?: RelayReport },
): string {
  const said = report === undefined ? '' : `, ${reportSql(report)}`
  return `UPDATE ${schema}.relays SET expires_at = clock_timestamp() + interval '${milliseconds(ttlMs)}'${said}
    WHERE id = ${relay} AND fenced_at IS NULL RETURNING 1`
}

function reportSql({ brokerAwayMs, lastError, settledMs }: RelayReport): string {
  const ago = (ms: number | null): string =>
    ms === null ? 'NULL' : `clock_timestamp() - interval '${milliseconds(Math.round(ms))}'`
  const error = lastError === null ? 'NULL' : quoteLiteral(storable(lastError))
  return `reported_at = clock_timestamp(), broker_since = ${ago(brokerAwayMs)}, last_error = ${error}, last_settle_at = ${ago(settledMs)}`
}

/** An error's text as PostgreSQL takes it, and not longer than an operator reads. */
function storable(text: string): string {
  return text.replaceAll('\0', '').slice(0, 500).toWellFormed()
}

function relaysSql(schema: string): string {
  return `SELECT r.id, r.protocol, CASE WHEN r.fenced_at IS NOT NULL THEN 'fenced' WHEN r.expires_at < clock_timestamp() THEN 'expired' ELSE 'live' END,
    (SELECT count(*) FROM ${schema}.lanes l WHERE l.owner = r.id) FROM ${schema}.relays r ORDER BY r.id`
}

function lanesSql(schema: string): string {
  return `SELECT lane, owner FROM ${schema}.lanes ORDER BY lane`
}

function claimSql(schema: string, relay: string, lanes: readonly number[]): string {
  return `UPDATE ${schema}.lanes SET owner = ${relay}, epoch = epoch + 1 WHERE lane IN (
    SELECT lane FROM ${schema}.lanes WHERE lane = ANY ('${numberArray(lanes)}'::smallint[]) AND owner IS NULL FOR UPDATE SKIP LOCKED)
    RETURNING lane`
}

function viewOf(relayId: string, relayRows: readonly Row[], laneRows: readonly Row[]): RelayView {
  const relays = relayRows.map(([id, protocol, state, lanes]) => ({
    id: id ?? '',
    protocol: Number(protocol),
    state: state as RelayState['state'],
    lanes: Number(lanes),
  }))
  const lanesOf = (owner: string | null): number[] =>
    laneRows.filter((row) => row[1] === owner).map(([lane]) => Number(lane))
  return { relays, owned: lanesOf(relayId.toLowerCase()), free: lanesOf(null) }
}

/** Says that a relay waits for the broker, or no more. */
export async function reportWaiting(
  database: Queryable,
  schema: string,
  id: string,
  report: WaitingReport | null,
): Promise<void> {
  if (report === null) {
    await database.query(`DELETE FROM ${schema}.waiting_relays WHERE id = $1::text::uuid`, [id])
    return
  }
  await database.query(
    `INSERT INTO ${schema}.waiting_relays (id, since, error) VALUES ($1::text::uuid, clock_timestamp() - $2::text::interval, $3::text)
     ON CONFLICT (id) DO UPDATE SET since = excluded.since, error = excluded.error, reported_at = clock_timestamp()`,
    [id, milliseconds(Math.round(report.waitingMs)), storable(report.error)],
  )
}

/** Gives lanes back. */
export async function release(
  database: Queryable,
  schema: string,
  relayId: string,
  lanes: readonly number[],
): Promise<void> {
  await database.query(
    `UPDATE ${schema}.lanes SET owner = NULL WHERE owner = $1::text::uuid AND lane = ANY ($2::text::smallint[])`,
    [relayId, numberArray(lanes)],
  )
}

/** Marks a relay fenced where that is due, and gives its fence. */
export async function markFenced(
  database: Queryable,
  schema: string,
  relayId: string,
  resigning: boolean,
): Promise<string | null> {
  const { rows } = await database.query(
    `UPDATE ${schema}.relays SET fenced_at = coalesce(fenced_at, clock_timestamp())
     WHERE id = $1::text::uuid AND (expires_at < clock_timestamp() OR fenced_at IS NOT NULL OR $2::text::boolean) RETURNING fence`,
    [relayId, String(resigning)],
  )
  return rows[0]?.[0] ?? null
}

/** Frees the lanes of a fenced relay and removes its row; does nothing to one that isn't fenced. */
export async function bury(database: Queryable, schema: string, relayId: string): Promise<void> {
  await database.query(
    `WITH gone AS (DELETE FROM ${schema}.relays WHERE id = $1::text::uuid AND fenced_at IS NOT NULL RETURNING id)
     UPDATE ${schema}.lanes SET owner = NULL, epoch = epoch + 1
     WHERE owner = $1::text::uuid AND (EXISTS (SELECT FROM gone) OR NOT EXISTS (SELECT FROM ${schema}.relays WHERE id = $1::text::uuid))`,
    [relayId],
  )
}

export function milliseconds(count: number): string {
  return `${count} milliseconds`
}
