import type { Row } from './database.ts'

/**
 * A query of `pg` that takes in what `COPY … TO STDOUT` sends, row by row and as bytes: `pg` turns
 * every field of a `SELECT` into a string, which costs more than all the rest of a fetch.
 * `pg` calls a query's methods by these names, which `pg-cursor` and `pg-copy-streams` rely on, too.
 */
export class CopyQuery {
  readonly #text: string
  readonly #onCopied: (row: Buffer) => void
  readonly #done = Promise.withResolvers<readonly (readonly Row[])[]>()
  readonly #results: Row[][] = []
  #failure: Error | undefined

  constructor(text: string, onCopied: (row: Buffer) => void) {
    this.#text = text
    this.#onCopied = onCopied
  }

  /** The rows of the statements that gave rows, besides what was copied. */
  get results(): Promise<readonly (readonly Row[])[]> {
    return this.#done.promise
  }

  submit(connection: { query(text: string): void }): void {
    connection.query(this.#text)
  }

  handleRowDescription(): void {
    this.#results.push([])
  }

  handleDataRow(message: { fields: Row }): void {
    this.#results.at(-1)?.push(message.fields)
  }

  handleCopyData(message: { chunk: Buffer }): void {
    try {
      this.#onCopied(message.chunk)
    } catch (error) {
      // Thrown into the parser it would end the process.
      this.#failure ??= error as Error
    }
  }

  handleCommandComplete(): void {}
  handleEmptyQuery(): void {}
  handlePortalSuspended(): void {}

  handleReadyForQuery(): void {
    if (this.#failure === undefined) this.#done.resolve(this.#results)
    else this.#done.reject(this.#failure)
  }

  handleError(error: Error): void {
    this.#done.reject(error)
  }
}
