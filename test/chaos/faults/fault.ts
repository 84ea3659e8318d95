/** Something bad that happens to a server, a client, or what lies between them. */
export interface Fault {
  /** 'kafka-2 SIGSTOP', 'postgres: only the response swallowed' … stable, for counting. */
  readonly name: string
  /**
   * What it is done to. Two faults that share a target must not be under way at the same time:
   * who is dead can't be frozen.
   */
  readonly targets: readonly string[]
  /** Does it, and gives what ends it. Nothing is random but by this source. */
  strike(random: () => number): Promise<Struck>
}

export interface Struck {
  /** Which process, what value. */
  readonly detail: string
  /** May be called twice; resolves when the server or the client is usable again. */
  heal(): Promise<void>
}

/** A fault that was done, whose end happens once however often it is asked for. */
export function struck(detail: string, end: () => Promise<void>): Struck {
  let ended: Promise<void> | undefined
  return { detail, heal: () => (ended ??= end()) }
}

/** A whole number from `least` to `most`. */
export function between(random: () => number, least: number, most: number): number {
  return least + Math.floor(random() * (most - least + 1))
}

/** The target of faults that lie between a server and its clients. */
export function wayTo(server: string): string {
  return `the way to ${server}`
}
