export const CONTESTANTS = [
  'fetch',
  'stream',
  'consume',
  'consume, keys read',
  'consume, one poison key',
  'kafkajs eachBatch',
  'kafkajs eachMessage',
] as const

export type Contestant = (typeof CONTESTANTS)[number]

export interface Job {
  readonly contestant: Contestant
  /** Read before those that count. */
  readonly warmUp: number
  readonly events: number
  readonly broker: string
  /** Of its own for each run: it reads everything from the first record on. */
  readonly group: string
}

export interface Finding {
  readonly perSecond: number
  /** Of this process, an event. */
  readonly cpuMicros: number
}

export const KEYS = 1_000
export const TOPIC = 'consume'
export const PARTITIONS = 4
