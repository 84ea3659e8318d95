import type { IdBounds, OutboxInspection } from '../core/outbox-inspection.ts'

/** Read through by one query. */
const CHUNK = 20_000n
/** How far a sender's clock, and the time from making a uuid to storing it, may be off: tried in turn. */
const WINDOWS_MS = [2_000, 60_000]

/** The time in a UUIDv7, `null` for another. */
export function madeAt(uuid: string): Date | null {
  return uuid[14] === '7'
    ? new Date(Number.parseInt(uuid.slice(0, 8) + uuid.slice(9, 13), 16))
    : null
}

export interface Search {
  readonly id: bigint | null
  /** Everything was looked at. */
  readonly complete: boolean
}

/**
 * Finds an event by its uuid, of which there is no index: events are stored in the order of their
 * ids, so that the time in a UUIDv7 leads to a short range. What isn't there is looked for from the
 * newest event to the oldest, until `deadline`, by the monotonic clock.
 */
export async function findEvent(
  inspection: OutboxInspection,
  uuid: string,
  deadline: number,
): Promise<Search> {
  const bounds = await inspection.bounds()
  if (bounds === null) return { id: null, complete: true }
  const time = madeAt(uuid)
  for (const ms of time === null ? [] : WINDOWS_MS) {
    const near = await around(inspection, time as Date, ms)
    const { id } = await scan(inspection, uuid, within(near, bounds), deadline)
    if (id !== null) return { id, complete: true }
  }
  return scan(inspection, uuid, bounds, deadline)
}

async function around(inspection: OutboxInspection, time: Date, ms: number): Promise<IdBounds> {
  const [first, last] = [
    await inspection.idAt(new Date(time.getTime() - ms)),
    await inspection.idAt(new Date(time.getTime() + ms)),
  ]
  return { first, last }
}

function within(range: IdBounds, bounds: IdBounds): IdBounds {
  return {
    first: range.first < bounds.first ? bounds.first : range.first,
    last: range.last > bounds.last ? bounds.last : range.last,
  }
}

async function scan(
  inspection: OutboxInspection,
  uuid: string,
  { first, last }: IdBounds,
  deadline: number,
): Promise<Search> {
  for (let end = last; end >= first; end -= CHUNK) {
    if (performance.now() > deadline) return { id: null, complete: false }
    const begin = end - CHUNK + 1n
    const id = await inspection.findBetween(uuid, {
      first: begin < first ? first : begin,
      last: end,
    })
    if (id !== null) return { id, complete: true }
  }
  return { id: null, complete: true }
}
