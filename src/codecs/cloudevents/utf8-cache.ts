import { toUtf8 } from './utf8.ts'

const MOST = 1_000

/** The bytes of texts that come again and again, of which a program has a few. */
export class Utf8Cache {
  readonly #what: string
  readonly #known = new Map<string, Buffer>()

  constructor(what: string) {
    this.#what = what
  }

  get(text: string): Buffer {
    const known = this.#known.get(text)
    if (known !== undefined) return known
    const bytes = toUtf8(text, this.#what)
    // A program that makes up such texts must not fill the memory with them.
    if (this.#known.size === MOST) this.#known.clear()
    this.#known.set(text, bytes)
    return bytes
  }
}
