import { isUtf8 } from 'node:buffer'

/** Looked through here; of more bytes a call into Node's own costs less. */
const FEW_BYTES = 64
const DASH = 0x2d
const ZERO = 0x30
const NINE = 0x39
/** Days that a month has in each year. */
const DAYS = [0, 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31] as const
/** As `toISOString` writes times of this era. */
const TIME = Buffer.from('0000-00-00T00:00:00.000Z')

const hexDigits = Uint8Array.from({ length: 256 }, (_, byte) =>
  /[0-9a-f]/i.test(String.fromCharCode(byte)) ? 1 : 0,
)

/** Whether the bytes are UTF-8. Most texts are short, and ASCII. */
export function isText(bytes: Buffer): boolean {
  if (bytes.length > FEW_BYTES) return isUtf8(bytes)
  let all = 0
  for (let i = 0; i < bytes.length; i++) all |= bytes[i] ?? 0
  return all < 0x80 || isUtf8(bytes)
}

/** Whether the bytes are a UUID in its usual form, as `isUuid` tells of a text. */
export function isUuidText(bytes: Buffer): boolean {
  if (bytes.length !== 36) return false
  for (let i = 0; i < 36; i++) {
    const byte = bytes[i] ?? 0
    const isDash = i === 8 || i === 13 || i === 18 || i === 23
    if (isDash ? byte !== DASH : hexDigits[byte] === 0) return false
  }
  return true
}

/** Whether the bytes are a time of the usual form, of a day that there is for certain. */
export function isUsualTime(bytes: Buffer): boolean {
  if (bytes.length !== TIME.length) return false
  for (let i = 0; i < TIME.length; i++) {
    const byte = bytes[i] ?? 0
    if (TIME[i] === ZERO ? byte < ZERO || byte > NINE : byte !== TIME[i]) return false
  }
  const day = twoDigits(bytes, 8)
  const lastDay = DAYS[twoDigits(bytes, 5)] ?? 0
  const isOfDay =
    twoDigits(bytes, 11) < 24 && twoDigits(bytes, 14) < 60 && twoDigits(bytes, 17) < 60
  return isOfDay && day > 0 && day <= lastDay
}

function twoDigits(bytes: Buffer, at: number): number {
  return ((bytes[at] ?? 0) - ZERO) * 10 + (bytes[at + 1] ?? 0) - ZERO
}
