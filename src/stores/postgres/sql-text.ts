import { OptionError } from '../../core/errors.ts'
import type { IdRanges } from '../../core/id-ranges.ts'

/** The most bytes that PostgreSQL keeps of a name; it would cut longer ones in silence. */
const MAX_IDENTIFIER_BYTES = 63

/** A name as an SQL identifier. Throws an `OptionError` where PostgreSQL can't have such a name. */
export function quoteIdent(option: string, name: string): string {
  if (name === '' || name.includes('\0') || Buffer.byteLength(name) > MAX_IDENTIFIER_BYTES)
    throw new OptionError(
      option,
      name,
      `a name of 1 to ${MAX_IDENTIFIER_BYTES} bytes without a NUL character`,
    )
  return `"${name.replaceAll('"', '""')}"`
}

/** A text as an SQL literal, whatever `standard_conforming_strings` is. */
export function quoteLiteral(text: string): string {
  const escaped = text.replaceAll("'", "''")
  return text.includes('\\') ? `E'${escaped.replaceAll('\\', '\\\\')}'` : `'${escaped}'`
}

/** Ids as the text of an `int8multirange`. */
export function multirange(ranges: IdRanges): string {
  return `{${ranges.map(([first, last]) => `[${first},${last}]`).join(',')}}`
}

/** Numbers as the text of an array. */
export function numberArray(numbers: readonly (number | bigint)[]): string {
  return `{${numbers.join(',')}}`
}

/** Texts as the text of an array. */
export function textArray(texts: readonly (string | null)[]): string {
  return `{${texts.map((text) => (text === null ? 'NULL' : quoteItem(text))).join(',')}}`
}

const SPECIAL = /["\\]/

// Most texts have nothing to escape, and looking is a good deal cheaper than replacing.
function quoteItem(text: string): string {
  return SPECIAL.test(text) ? `"${text.replaceAll(/["\\]/g, String.raw`\$&`)}"` : `"${text}"`
}
