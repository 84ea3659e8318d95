import type { InspectedTopic, OutboxInspection, WaitingRelay } from '../core/outbox-inspection.ts'
import type {
  Status,
  StatusBroker,
  StatusOptions,
  StatusRelay,
  StatusTopic,
} from './status-report.ts'
import { problemsOf, sentenceOf } from './status-sentence.ts'

/** Reads how an outbox does. */
export async function status(
  inspection: OutboxInspection,
  { maxAgeMs = 60_000, maxDead = 0 }: StatusOptions = {},
): Promise<Status> {
  const [backlog, lanes, relays, waiting, openTransactions] = await Promise.all([
    inspection.backlog(),
    inspection.lanes(),
    inspection.relays(),
    inspection.waiting(),
    inspection.openTransactions(),
  ])
  const [topics, stored, published, ledger, schema] = await Promise.all([
    inspection.topics(),
    inspection.stored(),
    inspection.published(),
    inspection.ledger(),
    inspection.version(),
  ])
  const withLanes = relays.map((relay) => {
    const owned = lanes.filter(({ owner }) => owner === relay.id).length
    return Object.assign(relay, { lanes: owned })
  })
  const live = withLanes.filter(({ state }) => state === 'live')
  const owned = live.reduce((sum, relay) => sum + relay.lanes, 0)
  const rates = {
    in: stored.perSecond,
    inWindowMs: stored.windowMs,
    out: published.perSecond,
    outWindowMs: published.windowMs,
  }
  const seen = {
    backlog,
    rates,
    lanes: { total: lanes.length, owned },
    relays: withLanes,
    broker: brokerOf(live, waiting),
    schema,
    ledger,
    topics: withRates(topics, stored.byTopic, published.byTopic),
    openTransactions,
  }
  const problems = problemsOf(seen, { maxAgeMs, maxDead })
  const sentence = sentenceOf(seen, problems)
  return { healthy: problems.length === 0, sentence, problems, ...seen }
}

/** As those say that work, and those that wait for it. */
function brokerOf(live: readonly StatusRelay[], waiting: readonly WaitingRelay[]): StatusBroker {
  const reports = live.flatMap(({ report }) => report ?? [])
  const [away] = reports
    .filter(({ brokerAwayMs }) => brokerAwayMs !== null)
    .toSorted((a, b) => Number(b.brokerAwayMs) - Number(a.brokerAwayMs))
  const [longest] = waiting
  if (reports.length === 0 && longest !== undefined) {
    const { waitingMs: awayMs, error } = longest
    return { state: 'away', awayMs, error, settledMs: null }
  }
  const settled = reports.flatMap(({ settledMs }) => settledMs ?? [])
  return {
    state: reports.length === 0 ? 'unknown' : away === undefined ? 'answers' : 'away',
    awayMs: away?.brokerAwayMs ?? null,
    error: away?.lastError ?? null,
    settledMs: settled.length === 0 ? null : Math.min(...settled),
  }
}

function withRates(
  topics: readonly InspectedTopic[],
  stored: ReadonlyMap<string, number>,
  published: ReadonlyMap<string, number>,
): readonly StatusTopic[] {
  const byName = new Map(topics.map((topic) => [topic.topic, topic]))
  const names = new Set([...byName.keys(), ...stored.keys(), ...published.keys()])
  return [...names].map((topic) => {
    const nothing = { topic, pending: 0, oldestAgeMs: null, held: 0, dead: 0 }
    const rates = { in: stored.get(topic) ?? 0, out: published.get(topic) ?? 0 }
    return Object.assign(nothing, byName.get(topic), rates)
  })
}
