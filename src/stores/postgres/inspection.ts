import type { WaitingRelay } from '../../core/outbox-inspection.ts'
import { INSPECTION_CAP } from '../../core/outbox-inspection.ts'
import type {
  IdBounds,
  InspectedBlock,
  InspectedEvent,
  InspectedLane,
  InspectedLedger,
  InspectedRates,
  InspectedRelay,
  InspectedTopic,
  OpenTransaction,
  OutboxInspection,
  Standing,
} from '../../core/outbox-inspection.ts'
import type { Ack, Backlog, BlockedScope } from '../../core/outbox-store.ts'
import { type Database, type Row, withConnection } from './database.ts'
import { planSafeSettings } from './fetch.ts'
import { blockOf, numberOf } from './inspected-block.ts'
import { InspectionCounts } from './inspection-counts.ts'
import * as sql from './inspection-statements.ts'
import { backlog } from './statements.ts'
import { storeFailure } from './store-failure.ts'

/** An operator waits, and a relay must not wait for an operator. */
const TIMEOUT_MS = 2_000

/** An operator's view of the outbox: each question is one short transaction that only reads. */
export class PostgresInspection implements OutboxInspection {
  readonly #database: Database
  readonly #schema: string
  readonly #counts: InspectionCounts

  /** `schema` is quoted. */
  constructor(database: Database, schema: string) {
    this.#database = database
    this.#schema = schema
    this.#counts = new InspectionCounts((query) => this.#ask(query), schema)
  }

  async bounds(): Promise<IdBounds | null> {
    const [first, last] = (await this.#ask(sql.boundsSql(this.#schema)))[0] ?? []
    return first && last ? { first: BigInt(first), last: BigInt(last) } : null
  }

  async idAt(time: Date): Promise<bigint> {
    const [row] = await this.#ask(sql.idAtSql(this.#schema, time))
    return BigInt(row?.[0] ?? 0)
  }

  async findBetween(uuid: string, range: IdBounds): Promise<bigint | null> {
    const [row] = await this.#ask(sql.findBetweenSql(this.#schema, uuid, range))
    return row === undefined ? null : BigInt(row[0] ?? 0)
  }

  async event(id: bigint): Promise<InspectedEvent | null> {
    const [row] = await this.#ask(sql.eventSql(this.#schema, id))
    if (row === undefined) return null
    const [, uuid, topic, key, msgType, bytes, storedAt, ageMs, lane] = row
    return {
      id,
      uuid: uuid ?? '',
      topic: topic ?? '',
      key: key ?? null,
      msgType: msgType ?? '',
      bytes: Number(bytes),
      storedAt: new Date(Number(storedAt)),
      ageMs: Math.max(0, Number(ageMs)),
      lane: Number(lane),
      standing: await this.#standing(id, row),
    }
  }

  async blocks(scope: BlockedScope): Promise<readonly InspectedBlock[]> {
    return (await this.#ask(sql.blocksSql(this.#schema, scope))).map(blockOf)
  }

  async lanes(): Promise<readonly InspectedLane[]> {
    const rows = await this.#ask(sql.lanesSql(this.#schema))
    return rows.map(([lane, owner, epoch]) => ({
      lane: Number(lane),
      owner: owner ?? null,
      epoch: Number(epoch),
    }))
  }

  async waiting(): Promise<readonly WaitingRelay[]> {
    const rows = await this.#ask(sql.waitingSql(this.#schema))
    return rows.map(([id, waitingMs, error]) => ({
      id: id ?? '',
      waitingMs: Number(waitingMs),
      error: error ?? '',
    }))
  }

  async relays(): Promise<readonly InspectedRelay[]> {
    const rows = await this.#ask(sql.relaysSql(this.#schema))
    return rows.map(([id, state, leaseMs, reported, awayMs, lastError, settledMs]) => ({
      id: id ?? '',
      state: state as InspectedRelay['state'],
      leaseMs: Number(leaseMs),
      report:
        reported === 't'
          ? {
              brokerAwayMs: numberOf(awayMs),
              lastError: lastError ?? null,
              settledMs: numberOf(settledMs),
            }
          : null,
    }))
  }

  async openTransactions(): Promise<readonly OpenTransaction[]> {
    const rows = await this.#ask(sql.openTransactionsSql(this.#schema))
    return rows.map(([pid, startedAt, ageMs, state, application]) => ({
      pid: numberOf(pid),
      startedAt: startedAt ? new Date(Number(startedAt)) : null,
      ageMs: numberOf(ageMs),
      state: state ?? '',
      application: application ?? '',
    }))
  }

  topics(): Promise<readonly InspectedTopic[]> {
    return this.#counts.topics()
  }

  stored(): Promise<InspectedRates> {
    return this.#counts.stored()
  }

  published(): Promise<InspectedRates> {
    return this.#counts.published()
  }

  ledger(): Promise<InspectedLedger> {
    return this.#counts.ledger()
  }

  version(): Promise<number> {
    return this.#counts.version()
  }

  backlog(): Promise<Backlog> {
    const query = async (text: string): Promise<{ rows: readonly Row[]; count: number }> => {
      const rows = await this.#ask(text)
      return { rows, count: rows.length }
    }
    return backlog({ query }, this.#schema)
  }

  async [Symbol.asyncDispose](): Promise<void> {}

  async #standing(id: bigint, row: Row): Promise<Standing> {
    const [lane, waits, blockedId, dead, at, attempts, error, receipt, publishedAt, acks] =
      row.slice(8)
    if (waits === 't') return { state: 'pending', before: await this.#before(Number(lane), id) }
    if (blockedId) {
      const [block] = await this.#ask(sql.blockSql(this.#schema, blockedId))
      if (block !== undefined) return { state: 'held', block: blockOf(block) }
    }
    if (dead)
      return {
        state: 'dead',
        at: new Date(Number(at)),
        attempts: Number(attempts),
        error: error ?? null,
      }
    if (!receipt) return standingWithoutReceipt(row)
    const [rank] = await this.#ask(sql.topicRankSql(this.#schema, receipt, id))
    return {
      state: 'delivered',
      publishedAt: new Date(Number(publishedAt)),
      acks: JSON.parse(acks ?? '[]') as Ack[],
      topicRank: Number(rank?.[0]),
    }
  }

  async #before(lane: number, id: bigint): Promise<{ count: number; capped: boolean }> {
    const [row] = await this.#ask(sql.beforeSql(this.#schema, lane, id))
    return { count: Number(row?.[0]), capped: Number(row?.[1]) >= INSPECTION_CAP * 10 }
  }

  async #ask(query: string): Promise<readonly Row[]> {
    try {
      const [rows = []] = await withConnection(this.#database, (connection) =>
        connection.script(`BEGIN READ ONLY; ${planSafeSettings(TIMEOUT_MS)} ${query}; COMMIT`),
      )
      return rows
    } catch (error) {
      throw storeFailure('looking at the outbox', error)
    }
  }
}

/** What neither waits nor was published: an operator gave it up, or nobody knows. */
function standingWithoutReceipt(row: Row): Standing {
  const [discarded, at, actor, reason] = row.slice(18)
  return discarded
    ? {
        state: 'discarded',
        at: new Date(Number(at)),
        actor: actor ?? '',
        reason: reason ?? '',
      }
    : { state: 'untracked' }
}
