import { randomFillSync } from 'node:crypto'

const POOL_SIZE = 128 * 10
const pool = Buffer.allocUnsafe(POOL_SIZE)
let used = POOL_SIZE

/** A UUIDv7 (RFC 9562, section 5.7): 48 bits of milliseconds, then random ones. */
export function uuidv7(now: number = Date.now()): string {
  if (used === POOL_SIZE) {
    randomFillSync(pool)
    used = 0
  }
  const random = pool.toString('hex', used, used + 10)
  used += 10
  const time = Math.trunc(now).toString(16).padStart(12, '0')
  const variant = ((Number.parseInt(random[3] ?? '0', 16) & 0b11) | 0b1000).toString(16)
  return `${time.slice(0, 8)}-${time.slice(8)}-7${random.slice(0, 3)}-${variant}${random.slice(4, 7)}-${random.slice(7, 19)}`
}

const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i

export function isUuid(value: unknown): value is string {
  return typeof value === 'string' && UUID.test(value)
}
