import { isUtf8 } from 'node:buffer'

/** Text as UTF-8. Throws where it has a lone surrogate, which would be replaced in silence. */
export function toUtf8(text: string, what: string): Buffer {
  if (!text.isWellFormed())
    throw new TypeError(`${what} has a lone surrogate: it can't be written as UTF-8`)
  return Buffer.from(text, 'utf8')
}

/** Throws where the bytes are not UTF-8. */
export function fromUtf8(bytes: Buffer, what: string): string {
  if (!isUtf8(bytes)) throw notUtf8(what)
  return bytes.toString('utf8')
}

export function notUtf8(what: string): TypeError {
  return new TypeError(`${what} is not UTF-8`)
}
