import type {
  InspectedLedger,
  InspectedRates,
  InspectedTopic,
} from '../../core/outbox-inspection.ts'
import { publishedRates, ratesOf } from '../../core/rates.ts'
import type { Row } from './database.ts'
import { numberOf } from './inspected-block.ts'
import * as sql from './status-statements.ts'

/** What a status counts, each by one short query. */
export class InspectionCounts {
  readonly #ask: (query: string) => Promise<readonly Row[]>
  readonly #schema: string

  constructor(ask: (query: string) => Promise<readonly Row[]>, schema: string) {
    this.#ask = ask
    this.#schema = schema
  }

  async topics(): Promise<readonly InspectedTopic[]> {
    const rows = await this.#ask(sql.topicsSql(this.#schema))
    return rows.map(([topic, pending, ageMs, held, dead]) => ({
      topic: topic ?? '',
      pending: Number(pending),
      oldestAgeMs: ageMs ? Math.max(0, Number(ageMs)) : null,
      held: Number(held),
      dead: Number(dead),
    }))
  }

  async stored(): Promise<InspectedRates> {
    const rows = await this.#ask(sql.storedSql(this.#schema))
    return ratesOf(rows.map(([topic, n, ageMs]) => [topic ?? '', Number(n), Number(ageMs)]))
  }

  async published(): Promise<InspectedRates> {
    const [total] = await this.#ask(sql.publishedSql(this.#schema))
    const topics = await this.#ask(sql.publishedTopicsSql(this.#schema))
    const [events, ageMs, receipts] = total ?? []
    return publishedRates(
      { events: Number(events), receipts: Number(receipts), ageMs: numberOf(ageMs) ?? 0 },
      topics.map(([topic, n]) => [topic ?? '', Number(n)]),
    )
  }

  async ledger(): Promise<InspectedLedger> {
    const [row] = await this.#ask(sql.ledgerSql(this.#schema))
    const [estimate, bytes, first, last] = row ?? []
    const span = first && last ? Number(BigInt(last) - BigInt(first) + 1n) : 0
    const events = Number(estimate)
    // Statistics are behind, ids have gaps: neither may say more than there is room for.
    return { events: events < 0 ? span : Math.min(events, span), bytes: Number(bytes) }
  }

  async version(): Promise<number> {
    const [row] = await this.#ask(sql.versionSql(this.#schema))
    return Number(row?.[0])
  }
}
