import type {
  InspectedLedger,
  InspectedRelay,
  InspectedTopic,
  OpenTransaction,
} from '../core/outbox-inspection.ts'
import type { Backlog } from '../core/outbox-store.ts'

export interface StatusOptions {
  /** An event that has waited for longer is a problem. @defaultValue 60000 */
  readonly maxAgeMs?: number
  /** More dead events are a problem. @defaultValue 0 */
  readonly maxDead?: number
}

/** How an outbox does, and what an operator should look at. Counts end at a cap. */
export interface Status {
  /** `false` where something is wrong that does not pass by itself. */
  readonly healthy: boolean
  /** All of it in one sentence, for people. */
  readonly sentence: string
  /** What is wrong, in sentences; empty where nothing is. */
  readonly problems: readonly string[]
  readonly backlog: Backlog
  readonly rates: StatusRates
  readonly lanes: { readonly total: number; readonly owned: number }
  readonly relays: readonly StatusRelay[]
  readonly broker: StatusBroker
  readonly schema: number
  readonly ledger: InspectedLedger
  /** Those that have events waiting, held or dead, or had events in the last minute. */
  readonly topics: readonly StatusTopic[]
  /** Transactions that have stored events and are open. */
  readonly openTransactions: readonly OpenTransaction[]
}

/** Events a second: stored ones that committed, and published ones. */
export interface StatusRates {
  readonly in: number
  /** Over how long, at most a minute: less where more events came in than are looked at. */
  readonly inWindowMs: number
  readonly out: number
  readonly outWindowMs: number
}

export interface StatusRelay extends InspectedRelay {
  /** How many lanes it owns. */
  readonly lanes: number
}

/** As the relays that live report it. */
export interface StatusBroker {
  /** `unknown` where no relay that lives has reported. */
  readonly state: 'answers' | 'away' | 'unknown'
  readonly awayMs: number | null
  readonly error: string | null
  /** Since a batch was settled last. */
  readonly settledMs: number | null
}

export interface StatusTopic extends InspectedTopic {
  readonly in: number
  readonly out: number
}
