import { INSPECTION_CAP, type InspectedRates } from './outbox-inspection.ts'

const MINUTE_MS = 60_000

/**
 * What was stored in the last minute, by the newest events: where as many as are looked at are
 * younger than that, the time is that of the oldest of them.
 */
export function ratesOf(
  rows: readonly (readonly [topic: string, count: number, ageMs: number])[],
): InspectedRates {
  const total = rows.reduce((sum, [, count]) => sum + count, 0)
  const oldestMs = Math.max(1, ...rows.map(([, , ageMs]) => ageMs))
  const windowMs = total < INSPECTION_CAP ? MINUTE_MS : Math.min(MINUTE_MS, oldestMs)
  const perSecond = (count: number): number => (count * 1000) / windowMs
  const byTopic = new Map(rows.map(([topic, count]) => [topic, perSecond(count)]))
  return { windowMs, perSecond: perSecond(total), byTopic }
}

/** What was published in the last minute, by receipts; each topic's part is its share of the newest. */
export function publishedRates(
  { events, receipts, ageMs }: { events: number; receipts: number; ageMs: number },
  topics: readonly (readonly [topic: string, count: number])[],
): InspectedRates {
  const windowMs = receipts < INSPECTION_CAP ? MINUTE_MS : Math.max(1, ageMs)
  const perSecond = (events * 1000) / windowMs
  const sample = topics.reduce((sum, [, count]) => sum + count, 0)
  const byTopic = new Map(topics.map(([topic, n]) => [topic, (perSecond * n) / sample]))
  return { windowMs, perSecond, byTopic }
}
