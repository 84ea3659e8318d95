import type {
  InspectedRelay,
  OpenTransaction,
  OutboxInspection,
} from '../core/outbox-inspection.ts'
import type { Backlog } from '../core/outbox-store.ts'

/** How an outbox does, and what an operator should look at. */
export interface Status {
  /** `false` where something is wrong that does not pass by itself. */
  readonly healthy: boolean
  /** What is wrong, in sentences; empty where nothing is. */
  readonly problems: readonly string[]
  readonly backlog: Backlog
  readonly lanes: { readonly total: number; readonly owned: number }
  readonly relays: readonly StatusRelay[]
  /** Transactions that have stored events and are open. */
  readonly openTransactions: readonly OpenTransaction[]
}

interface StatusRelay extends InspectedRelay {
  /** How many lanes it owns. */
  readonly lanes: number
}

/** Reads how an outbox does. */
export async function status(inspection: OutboxInspection): Promise<Status> {
  const [backlog, lanes, relays, openTransactions] = await Promise.all([
    inspection.backlog(),
    inspection.lanes(),
    inspection.relays(),
    inspection.openTransactions(),
  ])
  const withLanes = relays.map((relay) => {
    const { id, state, leaseMs, report } = relay
    return { id, state, leaseMs, report, lanes: lanes.filter(({ owner }) => owner === id).length }
  })
  const live = withLanes.filter(({ state }) => state === 'live')
  const owned = live.reduce((sum, relay) => sum + relay.lanes, 0)
  const problems = problemsOf({ backlog, live, unowned: lanes.length - owned })
  return {
    healthy: problems.length === 0,
    problems,
    backlog,
    lanes: { total: lanes.length, owned },
    relays: withLanes,
    openTransactions,
  }
}

function problemsOf(seen: {
  backlog: Backlog
  live: readonly StatusRelay[]
  unowned: number
}): readonly string[] {
  const { backlog, live, unowned } = seen
  const problems: string[] = []
  if (live.length === 0) problems.push('no relay is running')
  else if (unowned > 0) problems.push(`${unowned} lanes have no owner that lives`)
  for (const { id, report } of live) {
    if (report === null || report.brokerAwayMs === null) continue
    const seconds = Math.round(report.brokerAwayMs / 1000)
    problems.push(`relay ${id} has had no answer of the broker for ${seconds} s`)
  }
  if (backlog.blocked > 0) problems.push(`${backlog.blocked} keys or topics are blocked`)
  if (backlog.dead > 0) problems.push(`${backlog.dead} events are dead`)
  return problems
}
