const BEFORE = /^(?:\s|;|--[^\n]*(?:\n|$)|\/\*[\s\S]*?\*\/)+/
const CONTROL =
  /^(?:begin|start\s+transaction|commit|end|abort|rollback(?!\s+(?:(?:work|transaction)\s+)?to\b)|prepare\s+transaction)\b/i

/** The words by which a statement would begin or end a transaction; `null` where it would not. */
export function transactionControl(statement: unknown): string | null {
  if (typeof statement !== 'string') return null
  const [words] = CONTROL.exec(statement.replace(BEFORE, '')) ?? []
  return words?.toUpperCase().replaceAll(/\s+/g, ' ') ?? null
}
