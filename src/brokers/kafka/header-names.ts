const MOST_NAMES = 64
const LONGEST_NAME = 256

/**
 * Names of headers as text. Records mostly have the same names in the same places: each is compared
 * with the last one there, as decoding is what costs most.
 */
export class HeaderNames {
  readonly #last: { readonly bytes: Buffer; readonly text: string }[] = []

  /** The name that `bytes` has from `start` to `end`, of the header at `index`. */
  read(index: number, bytes: Buffer, start: number, end: number): string {
    const last = this.#last[index]
    if (last !== undefined && isAt(bytes, start, last.bytes, end - start)) return last.text
    const own = Buffer.from(bytes.subarray(start, end))
    const text = internalized(own.toString())
    if (index < MOST_NAMES && own.length <= LONGEST_NAME) this.#last[index] = { bytes: own, text }
    return text
  }
}

/** Of few bytes: a call into Node's own costs more. */
function isAt(bytes: Buffer, start: number, expected: Buffer, length: number): boolean {
  if (expected.length !== length) return false
  for (let i = 0; i < length; i++) if (bytes[start + i] !== expected[i]) return false
  return true
}

/** The engine's own copy of the text, which compares by identity with names in a program. */
function internalized(text: string): string {
  return Object.keys({ [text]: 0 })[0] ?? text
}
