import type { GroupProtocol } from '../../../src/brokers/kafka/kafka-options.ts'
import type { ConsumeOptions } from '../../../src/consumer/consume/options.ts'
import type { StreamOptions } from '../../../src/consumer/stream/options.ts'
import type { ConnectionOptions } from '../../servers/index.ts'

/** Where the log is that members read. */
export type At =
  | { readonly file: string }
  | { readonly address: string; readonly groupProtocol?: GroupProtocol }

/** The database in which handlers write their rows, and in which their inbox is. */
export type Rows = { readonly file: string } | { readonly connection: ConnectionOptions }

/** What a member of a group, a program of its own, is to do until it gets SIGTERM. */
export interface Task {
  readonly at: At
  readonly topic: string
  readonly stream?: StreamOptions
  readonly consume?: Omit<ConsumeOptions, 'signal' | 'inboxKey' | 'onBroken' | 'inbox'>
  /** How long each event is handled. */
  readonly handleMs: number
  /** Events of these numbers are refused for good, so that they become dead letters. */
  readonly poison?: readonly number[]
  /** It kills itself when so many dead letters are acknowledged, before it can commit. */
  readonly diesAfterDead?: number
  /** Each event is handled in the inbox, with a row in the table `business`. */
  readonly rows?: Rows
  /** For how long SIGTERM waits for what is in hand. */
  readonly stopTimeout?: number
  /** The file in which it notes what it handles. */
  readonly diary: string
}

export interface Stopped {
  readonly handled: number
  readonly abandoned: number
  readonly duplicates: number
  /** How long the stop took. */
  readonly ms: number
}

export type Told =
  | { readonly event: 'ready' | 'handled' }
  /** The handler of the event with this number does not end. */
  | { readonly event: 'hung'; readonly number: number }
  | { readonly event: 'away' | 'freezing' }
  | { readonly event: 'stopped'; readonly result: Stopped }

/** A line of a diary: an event that a handler began or ended with, and when; or that `TICK_MS` are over. */
export type Line = readonly [
  what: 'start' | 'end' | 'tick',
  number: number,
  partition: number,
  offset: number,
  key: string,
  ms: number,
]

/** How often a member notes that it works, where it gets the time to. */
export const TICK_MS: number = 50

/** By the clock that all processes share. */
export function clockMs(): number {
  return Number(process.hrtime.bigint()) / 1e6
}
