import { TransactionError } from './errors.ts'

const BEFORE = /^(?:\s|;|--[^\n]*(?:\n|$)|\/\*[\s\S]*?\*\/)+/
const CONTROL =
  /^(?:begin|start\s+transaction|commit|end|abort|rollback(?!\s+(?:(?:work|transaction)\s+)?to\b)|prepare\s+transaction)\b/i

/** The words by which a statement would begin or end a transaction; `null` where it would not. */
export function transactionControl(statement: unknown): string | null {
  if (typeof statement !== 'string') return null
  const [words] = CONTROL.exec(statement.replace(BEFORE, '')) ?? []
  return words?.toUpperCase().replaceAll(/\s+/g, ' ') ?? null
}

/** Of a statement on an inbox's transaction after the work that was given it. */
export function inboxHasEnded(): TransactionError {
  return new TransactionError('the transaction of the inbox has ended')
}

/** Of work that would begin or end an inbox's transaction by `words`. */
export function notForTheHandler(words: string): TransactionError {
  return new TransactionError(
    `the transaction is the inbox's to begin and to end, when the handler has ended: got ${words}`,
  )
}
