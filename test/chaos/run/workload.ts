import { POISON_BYTES, type Topics } from './jobs.ts'

export interface PlannedEvent {
  readonly topic: string
  readonly key: string | null
  readonly payload: Buffer | null
}

/** One `send`, and whether what it sent is rolled back to a savepoint before it. */
export interface PlannedSend {
  readonly events: readonly PlannedEvent[]
  readonly undone: boolean
}

/** One transaction. */
export interface Plan {
  readonly sends: readonly PlannedSend[]
  /** How long it stays open after each send. */
  readonly openMs: number
  readonly ends: 'COMMIT' | 'ROLLBACK'
}

/** Few enough that transactions of all producers meet on them. */
const KEYS = Array.from({ length: 24 }, (_, n) => `k${n}`)
/** Only these have events that the broker refuses; what comes behind them has to wait. */
const POISONED = ['poisoned 0', 'poisoned 1', 'poisoned 2']
/** The empty key is one like any other. */
const ODD_KEYS = ['', 'clé 🔑']

/** Each key of each topic, for the closing events. */
export function keysOf(topics: Topics): readonly (readonly [topic: string, key: string])[] {
  const everywhere = [topics.plain, topics.other, topics.strict].flatMap((topic) =>
    [...KEYS, ...ODD_KEYS].map((key) => [topic, key] as const),
  )
  return [...everywhere, ...POISONED.map((key) => [topics.strict, key] as const)]
}

/** What services do, by a seed: any number of transactions, each drawn alone. */
export class Workload {
  readonly #topics: Topics
  readonly #random: () => number
  readonly #noise: Buffer

  constructor(topics: Topics, random: () => number) {
    this.#topics = topics
    this.#random = random
    this.#noise = Buffer.from(Array.from({ length: 65_536 }, () => Math.floor(random() * 256)))
  }

  next(): Plan {
    const random = this.#random
    const sends = Array.from({ length: random() < 0.2 ? 2 + Math.floor(random() * 3) : 1 }, () => {
      const count = random() < 0.2 ? 2 + Math.floor(random() * 4) : 1
      const undone = random() < 0.06
      return { events: Array.from({ length: count }, () => this.#event()), undone }
    })
    return { sends, openMs: this.#openMs(), ends: random() < 0.1 ? 'ROLLBACK' : 'COMMIT' }
  }

  #event(): PlannedEvent {
    const { plain, other, strict } = this.#topics
    if (this.#random() < 0.001) {
      const key = this.#random() < 0.8 ? this.#oneOf(POISONED) : null
      return { topic: strict, key, payload: this.#bytes(POISON_BYTES) }
    }
    const topic = this.#oneOf([plain, plain, other, strict])
    return { topic, key: this.#key(topic), payload: this.#payload() }
  }

  #key(topic: string): string | null {
    const drawn = this.#random()
    if (drawn < 0.1) return null
    if (drawn < 0.15) return this.#oneOf(ODD_KEYS)
    if (drawn < 0.18 && topic === this.#topics.strict) return this.#oneOf(POISONED)
    return this.#oneOf(KEYS)
  }

  #payload(): Buffer | null {
    const drawn = this.#random()
    if (drawn < 0.05) return null
    if (drawn < 0.1) return Buffer.alloc(0)
    if (drawn < 0.13) return this.#bytes(Math.floor(this.#random() * 40_960))
    return this.#bytes(Math.floor(this.#random() * 400))
  }

  /** Most are short, some overlap with many others, few stay open for seconds. */
  #openMs(): number {
    const drawn = this.#random()
    if (drawn < 0.8) return 0
    return drawn < 0.99 ? this.#random() * 60 : this.#random() * 4_000
  }

  #bytes(length: number): Buffer {
    const start = Math.floor(this.#random() * this.#noise.length)
    const repeated = Buffer.concat([this.#noise.subarray(start), this.#noise, this.#noise])
    return Buffer.from(repeated.subarray(0, length))
  }

  #oneOf<T>(some: readonly T[]): T {
    return some[Math.floor(this.#random() * some.length)] as T
  }
}
