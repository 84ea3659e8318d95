import type {
  InspectedBlock,
  InspectedEvent,
  InspectedRelay,
  OpenTransaction,
  OutboxInspection,
  Standing,
} from '../core/outbox-inspection.ts'
import type { ExplainedEvent, Explanation, HeldBy, Place } from './explanation.ts'
import { findEvent, madeAt } from './find-event.ts'

export interface ExplainOptions {
  /** How long to look for an event that isn't where its uuid says. @defaultValue 5000 */
  readonly searchMs?: number
  /** An owner that has settled nothing for so long stalls. @defaultValue 10000 */
  readonly stalledMs?: number
}

type Defaults = Required<ExplainOptions>

/** How far the clock of a sender may be behind the database's, and a uuid older than its transaction. */
const CLOCKS_MS = 2_000

const DEFAULTS: Defaults = { searchMs: 5_000, stalledMs: 10_000 }

/** Walks the life of an event, and stops at the first thing that holds it. Only reads. */
export async function explain(
  inspection: OutboxInspection,
  uuid: string,
  options: ExplainOptions = {},
): Promise<Explanation> {
  const settings = { ...DEFAULTS, ...options }
  const wanted = uuid.toLowerCase()
  const found = await lookFor(inspection, wanted, settings.searchMs)
  if (found.event === null) return explainAbsence(inspection, wanted, found)
  const { event } = found
  const { standing } = event
  if (standing.state === 'delivered') return delivered(event, standing)
  if (standing.state === 'dead') {
    const { at, attempts, error } = standing
    return { verdict: 'dead', event: shown(event), at, attempts, error }
  }
  if (standing.state === 'discarded') {
    const { at, actor, reason } = standing
    return { verdict: 'discarded', event: shown(event), at, actor, reason }
  }
  if (standing.state === 'untracked') return { verdict: 'untracked', event: shown(event) }
  const block = standing.state === 'held' ? standing.block : await blockOf(inspection, event)
  if (block !== undefined) return explainBlock(event, block)
  return explainPending(inspection, event, settings)
}

interface Sought {
  readonly event: InspectedEvent | null
  readonly complete: boolean
  /** Which may have it, and were open from before the search to after it. */
  readonly transactions: readonly OpenTransaction[]
}

/**
 * A transaction that ends during the search may have had the event, so that what is open is asked
 * before and after it. What had ended by then is visible to the next search.
 */
async function lookFor(
  inspection: OutboxInspection,
  uuid: string,
  searchMs: number,
): Promise<Sought> {
  const deadline = performance.now() + searchMs
  let sought: Sought = { event: null, complete: false, transactions: [] }
  let before = await mayHold(inspection, uuid)
  for (;;) {
    const { id, complete } = await findEvent(inspection, uuid, deadline)
    const event = id === null ? null : await inspection.event(id)
    if (event !== null) return { event, complete, transactions: [] }
    const after = before.length === 0 ? [] : await mayHold(inspection, uuid)
    const still = after.filter((one) => before.some((other) => isSame(one, other)))
    sought = { event, complete, transactions: still }
    if (still.length > 0 || before.length === 0 || performance.now() > deadline) return sought
    before = after
  }
}

/** The open transactions in which an event can be: none that began well after its uuid was made. */
async function mayHold(
  inspection: OutboxInspection,
  uuid: string,
): Promise<readonly OpenTransaction[]> {
  const made = madeAt(uuid)
  const open = await inspection.openTransactions()
  return open.filter(
    ({ startedAt }) =>
      made === null || startedAt === null || startedAt.getTime() <= made.getTime() + CLOCKS_MS,
  )
}

function isSame(one: OpenTransaction, other: OpenTransaction): boolean {
  const [start, otherStart] = [one.startedAt?.getTime(), other.startedAt?.getTime()]
  return one.pid === other.pid && one.application === other.application && start === otherStart
}

async function explainAbsence(
  inspection: OutboxInspection,
  uuid: string,
  { complete, transactions }: Sought,
): Promise<Explanation> {
  const made = madeAt(uuid)
  if (transactions.length > 0) return { verdict: 'invisible', uuid, madeAt: made, transactions }
  const bounds = await inspection.bounds()
  const oldest = bounds === null ? null : await inspection.event(bounds.first)
  const oldestStoredAt = oldest?.storedAt ?? null
  const isOlder = made !== null && oldestStoredAt !== null && made < oldestStoredAt
  // The first event of all may be older than a uuid that was never committed: ids begin at 1.
  const forgotten = isOlder && (bounds?.first ?? 1n) > 1n
  const because = complete ? (forgotten ? 'forgotten' : 'never-committed') : 'unknown'
  return { verdict: 'not-found', uuid, madeAt: made, oldestStoredAt, because }
}

function delivered(
  event: InspectedEvent,
  standing: Extract<Standing, { state: 'delivered' }>,
): Explanation {
  const places = standing.acks
    .filter(([topic]) => topic === event.topic)
    .map(([topic, partition, offset]): Place => ({ topic, partition, offset }))
  const [only] = places
  const place =
    only === undefined || places.length > 1
      ? null
      : { ...only, offset: String(BigInt(only.offset) + BigInt(standing.topicRank)) }
  return {
    verdict: 'delivered',
    event: shown(event),
    publishedAt: standing.publishedAt,
    place,
    places,
  }
}

async function blockOf(
  inspection: OutboxInspection,
  { topic, key, id, lane }: InspectedEvent,
): Promise<InspectedBlock | undefined> {
  const [own] = await inspection.blocks({ topic, key, eventId: key === null ? id : null, lane })
  return own
}

function explainBlock(event: InspectedEvent, block: InspectedBlock): Explanation {
  const shared = { event: shown(event), block: heldBy(block) }
  if (block.key === null && block.eventId === null) return { verdict: 'topic-parked', ...shared }
  if (block.state === 'draining') return { verdict: 'draining', ...shared }
  if (block.eventId === event.id || block.head?.id === event.id)
    return { verdict: block.state === 'retrying' ? 'retrying' : 'blocked', ...shared }
  return { verdict: 'blocked-by', ...shared, by: block.head?.uuid ?? null }
}

async function explainPending(
  inspection: OutboxInspection,
  event: InspectedEvent,
  { stalledMs }: Defaults,
): Promise<Explanation> {
  const [lanes, relays, waiting] = await Promise.all([
    inspection.lanes(),
    inspection.relays(),
    inspection.waiting(),
  ])
  const lane = lanes.find((one) => one.lane === event.lane)
  const owner = relays.find(({ id }) => id === lane?.owner)
  const liveRelays = relays.filter(({ state }) => state === 'live').length
  const what = shown(event)
  const [longest] = liveRelays === 0 ? waiting : []
  if (longest !== undefined) {
    const { id, waitingMs: awayMs, error } = longest
    return { verdict: 'broker-away', event: what, relay: { id, error }, awayMs }
  }
  if (owner === undefined) return { verdict: 'lane-unowned', event: what, liveRelays }
  if (owner.state !== 'live')
    return { verdict: `owner-${owner.state}`, event: what, owner, liveRelays }
  const awayMs = owner.report?.brokerAwayMs ?? null
  if (awayMs !== null) {
    const relay = { id: owner.id, error: owner.report?.lastError ?? '' }
    return { verdict: 'broker-away', event: what, relay, awayMs }
  }
  const idleMs = idleOf(owner, event)
  if (idleMs >= stalledMs)
    return { verdict: 'owner-stalled', event: what, owner, stalledMs: idleMs }
  const { standing } = event
  const before = standing.state === 'pending' ? standing.before : { count: 0, capped: false }
  return { verdict: 'backlog', event: what, owner, before }
}

/** For how long the owner could have settled something and has not; 0 where it says nothing of itself. */
function idleOf({ report }: InspectedRelay, { ageMs }: InspectedEvent): number {
  if (report === null) return 0
  return Math.min(ageMs, report.settledMs ?? Number.POSITIVE_INFINITY)
}

function shown(event: InspectedEvent): ExplainedEvent {
  const { uuid, topic, key, msgType, bytes, storedAt, lane } = event
  return { uuid, topic, key, msgType, bytes, storedAt, lane }
}

function heldBy(block: InspectedBlock): HeldBy {
  const { topic, key, state, error, attempts, since, retryAt, held } = block
  return { topic, key, state, error, attempts, since, retryAt, held }
}
