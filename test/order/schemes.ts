import { setTimeout } from 'node:timers/promises'

import type { Client } from 'pg'

import {
  decodeCheck,
  fetchSql,
  horizonSql,
  planSafeSettings,
} from '../../src/stores/postgres/fetch.ts'
import { type Fetched, FetchedRows } from '../../src/stores/postgres/fetched-rows.ts'
import type { Row } from '../../src/stores/postgres/database.ts'
import { Horizon, type HorizonCheck, type HorizonRule } from '../../src/stores/postgres/horizon.ts'

/** A way to decide what to fetch next. The pauses only widen windows that are there anyway. */
export type Scheme = (reader: Reader) => Promise<Fetched>

const PAUSE_MS = 8
const LIMITS = { maxEvents: 500, maxBytes: 1_000_000 }
const LANES = Array.from({ length: 64 }, (_, lane) => lane)

/** Reads step by step what the store reads in one message. Settles before it fetches again. */
export class Reader {
  readonly #client: Client
  readonly #schema: string

  constructor(client: Client, schema: string) {
    this.#client = client
    this.#schema = `"${schema}"`
  }

  begin(isolation: 'REPEATABLE READ' | 'READ COMMITTED'): Promise<unknown> {
    return this.#rows(
      `BEGIN ISOLATION LEVEL ${isolation} READ ONLY; ${planSafeSettings(30_000)} SELECT 1`,
    )
  }

  async commit(): Promise<void> {
    await this.#rows('COMMIT')
  }

  async check(): Promise<HorizonCheck> {
    return decodeCheck((await this.#rows(horizonSql(this.#schema)))[0])
  }

  async fetch(from: bigint): Promise<Fetched> {
    const request = { lanes: LANES, inHand: [], ...LIMITS }
    const rows = new FetchedRows(LIMITS)
    for (const row of await this.#rows(fetchSql(this.#schema, from, request))) rows.addText(row)
    return rows.fetched()
  }

  async settle({ events }: Fetched): Promise<void> {
    const ids = events.map(({ id }) => id)
    if (ids.length === 0) return
    await this.#rows(`DELETE FROM ${this.#schema}.delivery WHERE id IN (${ids.join(',')})`)
  }

  async #rows(text: string): Promise<Row[]> {
    const types = { getTypeParser: () => (field: string) => field }
    const result: unknown = await this.#client.query({ text, rowMode: 'array' as const, types })
    const last = Array.isArray(result) ? (result as unknown[]).at(-1) : result
    return (last as { rows: Row[] }).rows
  }
}

interface Parts extends HorizonRule {
  readonly isolation: 'REPEATABLE READ' | 'READ COMMITTED'
  readonly check: (reader: Reader) => Promise<HorizonCheck>
}

const whole: Parts = {
  isolation: 'REPEATABLE READ',
  limbo: true,
  followsPrepared: true,
  check: (reader) => reader.check(),
}

/** The algorithm, or what is left of it. */
export function horizonScheme(changes: Partial<Parts> = {}): Scheme {
  const parts = { ...whole, ...changes }
  const horizon = new Horizon(parts)
  return async (reader) => {
    await reader.begin(parts.isolation)
    await setTimeout(PAUSE_MS)
    const from = horizon.observe(await parts.check(reader), false)
    await setTimeout(PAUSE_MS)
    const fetched = await reader.fetch(from)
    await reader.commit()
    horizon.advance(fetched.last, fetched.full)
    return fetched
  }
}

/** `id > last`, and a look at everything now and then. */
export function cursorScheme(sweepMs: number): Scheme {
  let last = 0n
  let sweptAt = performance.now()
  return async (reader) => {
    const sweep = performance.now() - sweptAt > sweepMs
    if (sweep) sweptAt = performance.now()
    const fetched = await reader.fetch(sweep ? 0n : last + 1n)
    if (fetched.last !== undefined && fetched.last > last) last = fetched.last
    return fetched
  }
}

/** Fetch from the cursor on, then check, then look again where a holder has ended. */
export function fetchFirstScheme(): Scheme {
  const horizon = new Horizon({ limbo: false, followsPrepared: true })
  return async (reader) => {
    const ahead = await reader.fetch(horizon.guess(false))
    await setTimeout(PAUSE_MS)
    const from = horizon.observe(await reader.check(), false)
    const behind = await reader.fetch(from)
    const until = ahead.last ?? 0n
    const known = new Set(ahead.events.map(({ id }) => id))
    const late = behind.events.filter(({ id }) => id < until && !known.has(id))
    const events = [...ahead.events, ...late].toSorted((a, b) => (a.id < b.id ? -1 : 1))
    horizon.advance(ahead.last, ahead.full)
    return { ...ahead, events }
  }
}

/** Check, then fetch no id that was not assigned at the check. */
export function boundedScheme(): Scheme {
  const horizon = new Horizon()
  return async (reader) => {
    const check = await reader.check()
    const from = horizon.observe(check, false)
    await setTimeout(PAUSE_MS)
    const fetched = await reader.fetch(from)
    const events = fetched.events.filter(({ id }) => id <= check.assigned)
    horizon.advance(events.at(-1)?.id, fetched.full)
    return { ...fetched, events }
  }
}

/** The holders, and only then what was assigned. */
export async function checkBackwards(reader: Reader): Promise<HorizonCheck> {
  const { holders } = await reader.check()
  await setTimeout(4 * PAUSE_MS)
  return { ...(await reader.check()), holders }
}
