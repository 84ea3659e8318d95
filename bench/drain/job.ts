export type Contestant = 'raw' | 'at-least-once' | 'exactly-once'

export interface Job {
  readonly contestant: Contestant
  readonly events: number
  readonly databaseUrl: string
  readonly broker: string
}

export interface Finding {
  readonly perSecond: number
  /** Of this process, an event. */
  readonly cpuMicros: number
  readonly lost: number
  readonly duplicated: number
  readonly outOfOrder: number
}
