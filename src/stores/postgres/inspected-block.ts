import { INSPECTION_CAP } from '../../core/outbox-inspection.ts'
import type { InspectedBlock } from '../../core/outbox-inspection.ts'
import type { Row } from './database.ts'

/** A row of `blockSql` and `blocksSql`. */
export function blockOf(row: Row): InspectedBlock {
  const [id, topic, key, eventId, lane, state, error, attempts] = row
  const [since, retryAt, headId, headUuid, held] = row.slice(8)
  return {
    id: BigInt(id ?? 0),
    topic: topic ?? '',
    key: key ?? null,
    eventId: eventId ? BigInt(eventId) : null,
    lane: Number(lane),
    state: state ?? '',
    error: error ?? '',
    attempts: Number(attempts),
    since: new Date(Number(since)),
    retryAt: retryAt ? new Date(Number(retryAt)) : null,
    head: headId && headUuid ? { id: BigInt(headId), uuid: headUuid } : null,
    held: {
      count: Math.min(Number(held), INSPECTION_CAP),
      capped: Number(held) > INSPECTION_CAP,
    },
  }
}

export function numberOf(text: string | null | undefined): number | null {
  return text === null || text === undefined ? null : Number(text)
}
