import { backoffMs } from '../../core/backoff.ts'
import { systemClock } from '../../core/clock.ts'
import { reasonOf, StoreError, TransactionError } from '../../core/errors.ts'
import {
  cleanInChunks,
  freshUuids,
  type Inbox,
  type InboxWork,
  keptMs,
  notedUuids,
} from '../../core/inbox.ts'
import type { Database } from './database.ts'
import {
  isByContent,
  isSerialisationFailure,
  isUndefinedTable,
  isWithoutTransaction,
} from './inbox-failure.ts'
import { BEGINNING, cleanChunk, noteSql } from './inbox-statements.ts'
import type { PostgresTransaction } from './postgres-client.ts'
import { readVersion, requireVersion } from './schema-version.ts'
import { storeFailure } from './store-failure.ts'

const ATTEMPTS = 6
const RETRY = { firstMs: 5, maxMs: 200, jitter: 0.5 }
const NOTING = 'noting events in the inbox'
const HANDLING = 'committing what the inbox has handled'

type Work = InboxWork<PostgresTransaction>

interface InboxParts {
  readonly database: Database
  /** Quoted. */
  readonly schema: string
  readonly statementTimeoutMs: number
  readonly retentionMs: number
}

/** Notes what groups have handled in the transactions that have the effects. */
export class PostgresInbox implements Inbox<PostgresTransaction> {
  readonly #parts: InboxParts

  constructor(parts: InboxParts) {
    this.#parts = parts
  }

  async once(group: string, uuids: readonly string[], work: Work): Promise<ReadonlySet<string>> {
    const { schema, statementTimeoutMs } = this.#parts
    const noted = notedUuids(group, uuids)
    if (noted.length === 0) return new Set()
    const script = noteSql(schema, group, noted, statementTimeoutMs)
    for (let failures = 1; ; failures++) {
      try {
        return await this.#attempt(script, uuids, work)
      } catch (error) {
        if (!isSerialisationFailure(error)) throw error
        if (failures === ATTEMPTS)
          throw new StoreError(
            `another transaction was in the way ${ATTEMPTS} times: ${reasonOf(error)}`,
            { cause: error },
          )
      }
      await systemClock.sleep(backoffMs(RETRY, failures))
    }
  }

  async clean(
    retentionMs?: number,
    { signal }: { readonly signal?: AbortSignal } = {},
  ): Promise<number> {
    const { database, schema, statementTimeoutMs } = this.#parts
    const kept = keptMs(retentionMs, this.#parts.retentionMs)
    if (kept === null) return 0
    let from = BEGINNING
    try {
      return await cleanInChunks(async () => {
        const options = { statementTimeoutMs, retentionMs: kept, from }
        const chunk = await cleanChunk(database, schema, options)
        from = chunk.upTo
        return chunk
      }, signal)
    } catch (error) {
      throw await this.#schemaFailure('cleaning the inbox', error)
    }
  }

  async #attempt(
    script: string,
    uuids: readonly string[],
    work: Work,
  ): Promise<ReadonlySet<string>> {
    let fresh: ReadonlySet<string> = new Set()
    let reached: 'noting' | 'working' | 'committing' = 'noting'
    try {
      await this.#parts.database.transaction(script, async (tx, rows) => {
        fresh = freshUuids(uuids, new Set(rows.map(([uuid]) => uuid ?? '')))
        reached = 'working'
        if (fresh.size > 0) await work(tx, fresh)
        reached = 'committing'
      })
      return fresh
    } catch (error) {
      throw await this.#failureOf(error, reached)
    }
  }

  async #failureOf(error: unknown, at: 'noting' | 'working' | 'committing'): Promise<unknown> {
    if (at === 'working' || isSerialisationFailure(error)) return error
    if (at === 'noting') return this.#schemaFailure(NOTING, error)
    if (isWithoutTransaction(error))
      return new TransactionError(
        'the transaction can not be committed: a statement in it has failed, and the error was not thrown; or it was ended by hand',
        { cause: error },
      )
    return isByContent(error) ? error : storeFailure(HANDLING, error)
  }

  /** A `SchemaVersionError` where tables are missing. */
  async #schemaFailure(action: string, error: unknown): Promise<unknown> {
    if (!isUndefinedTable(error)) return storeFailure(action, error)
    const { database, schema } = this.#parts
    try {
      requireVersion(await readVersion(database, schema), schema)
    } catch (found) {
      return storeFailure(action, found)
    }
    return storeFailure(action, error)
  }
}
