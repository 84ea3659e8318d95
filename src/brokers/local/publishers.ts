import type { PublishedBatch } from '../../core/broker.ts'
import { BrokerError } from '../../core/errors.ts'
import { formatRanges, type IdRanges, parseRanges } from '../../core/id-ranges.ts'
import type { LogDatabase } from './log-database.ts'

/**
 * Who may publish. Each publisher has an epoch, which every commit of its must find unchanged;
 * `fence` raises it. The last two batches are kept, as a takeover has to know them.
 */
export class Publishers {
  readonly #database: LogDatabase

  constructor(database: LogDatabase) {
    this.#database = database
  }

  /** Takes the place of `fence` and gives its new epoch. */
  open(fence: string, relayId: string): number {
    return this.#database.transaction(() => {
      const row = this.#database
        .statement(
          `insert into publishers (fence, relay_id, epoch) values (?, ?, 1)
           on conflict (fence) do update set epoch = epoch + 1
           returning epoch`,
        )
        .get(fence, relayId) as { epoch: number }
      return row.epoch
    })
  }

  /** Throws a `BrokerError` of kind `fenced`. */
  check(fence: string, epoch: number): void {
    const row = this.#database
      .statement('select epoch from publishers where fence = ?')
      .get(fence) as { epoch: number } | undefined
    if (row?.epoch !== epoch)
      throw new BrokerError('fenced', `${fence}: another relay has shut this publisher out`)
  }

  /** Keeps what a batch held, with the batch itself: inside its transaction. */
  keep(fence: string, number: number, ids: IdRanges): void {
    this.#database
      .statement('insert or replace into batches (fence, number, ids) values (?, ?, ?)')
      .run(fence, number, formatRanges(ids))
    this.#database
      .statement(
        `delete from batches
          where fence = ?1 and number not in (
            select number from batches where fence = ?1 order by number desc limit 2)`,
      )
      .run(fence)
  }

  fence(fence: string): readonly PublishedBatch[] {
    return this.#database.transaction(() => {
      this.#database.statement('update publishers set epoch = epoch + 1 where fence = ?').run(fence)
      const rows = this.#database
        .statement(
          `select relay_id, number, ids from batches join publishers using (fence)
            where fence = ? order by number`,
        )
        .all(fence) as { relay_id: string; number: number; ids: string }[]
      return rows.map(({ relay_id: relayId, number, ids }) => ({
        relayId,
        number,
        ids: parseRanges(ids),
      }))
    })
  }

  /** A publisher that is forgotten is shut out for good, as its epoch is found no more. */
  forget(fence: string): void {
    this.#database.transaction(() => {
      this.#database.statement('delete from publishers where fence = ?').run(fence)
      this.#database.statement('delete from batches where fence = ?').run(fence)
    })
  }
}
