import type { AuditEntry, OutboxOperations } from '../core/outbox-operations.ts'

/** What one transaction of an action did. Those of one action share `bulk`. */
export interface AuditRecord extends Omit<AuditEntry, 'id'> {
  readonly number: number
}

/** What was decided about an event before. */
export interface Decision extends Pick<AuditEntry, 'action' | 'at' | 'actor' | 'reason'> {
  readonly uuid: string
}

const LOOKED_AT = 1_000

export function recordsOf(entries: readonly AuditEntry[]): readonly AuditRecord[] {
  return entries.map(({ id, ...entry }) => ({ number: Number(id), ...entry }))
}

/** The last decision about each of some events, and those about which there was none. */
export async function decisions(
  operations: OutboxOperations,
  uuids: readonly string[],
): Promise<{ before: readonly Decision[]; missing: readonly string[] }> {
  if (uuids.length === 0) return { before: [], missing: [] }
  const entries = await operations.audit({ uuids, limit: LOOKED_AT })
  const before: Decision[] = []
  for (const uuid of uuids) {
    const last = entries.find((entry) => uuidsOf(entry).includes(uuid))
    if (last === undefined) continue
    const { action, at, actor, reason } = last
    before.push({ uuid, action, at, actor, reason })
  }
  const known = new Set(before.map(({ uuid }) => uuid))
  return { before, missing: uuids.filter((uuid) => !known.has(uuid)) }
}

function uuidsOf({ details }: AuditEntry): readonly unknown[] {
  const uuids: unknown = (details as { uuids?: unknown } | null)?.uuids
  return Array.isArray(uuids) ? uuids : []
}
