import { readFileSync } from 'node:fs'
import { type Line, TICK_MS } from './task.ts'

/** An event that was given to a member. */
export interface Handling {
  readonly number: number
  readonly partition: number
  readonly offset: number
  readonly key: string
  readonly member: number
  readonly start: number
  /** `null` where the handler did not end. */
  readonly end: number | null
}

/** What the members of a group were given, in the order of time, as they noted it in their diaries. */
export class History {
  readonly handlings: readonly Handling[]
  readonly #ticks: readonly (readonly number[])[]

  constructor(diaries: readonly string[]) {
    this.#ticks = diaries.map((diary) =>
      linesOf(diary).flatMap(([what, , , , , ms]) => (what === 'tick' ? [ms] : [])),
    )
    this.handlings = diaries.flatMap(readDiary).toSorted((a, b) => a.start - b.start)
  }

  /** Numbers below `sent` that no handler ended with. */
  lost(sent: number): readonly number[] {
    const ended = new Set(
      this.handlings.filter(({ end }) => end !== null).map(({ number }) => number),
    )
    return Array.from({ length: sent }, (_, number) => number).filter((one) => !ended.has(one))
  }

  /** What was given again, where it was given again. */
  get again(): readonly Handling[] {
    const seen = new Set<number>()
    return this.handlings.filter(({ number }) => seen.has(number) || !seen.add(number))
  }

  /** What was given for the first time behind a younger event of its key, or while one was handled. */
  get backwards(): readonly Handling[] {
    const newest = new Map<string, Handling>()
    const again = new Set(this.again)
    return this.handlings.filter((one) => {
      const before = newest.get(one.key)
      newest.set(one.key, one)
      if (before === undefined || again.has(one)) return false
      return before.offset > one.offset || (before.end ?? Number.POSITIVE_INFINITY) > one.start
    })
  }

  /** How long a member was at work between two times: what a busy machine took from it is not counted. */
  workedMs(member: number, from: number, to: number): number {
    const ticks = this.#ticks[member] ?? []
    return ticks.filter((ms) => ms > from && ms < to).length * TICK_MS
  }

  of(member: number): readonly Handling[] {
    return this.handlings.filter((one) => one.member === member)
  }
}

/**
 * Since when all of a partition up to each event that a member was given was handled by it: since
 * then a commit could hold it. `null` where it never was.
 */
export function doneSince(history: History, member: number): ReadonlyMap<number, number | null> {
  const since = new Map<number, number | null>()
  const own = new Map(history.of(member).map((one) => [one.number, one]))
  // What it was not given, others were: offsets alone don't tell, for logs have holes.
  const events = new Map(history.handlings.map((one) => [one.number, one]))
  for (const [, all] of Map.groupBy(events.values(), ({ partition }) => partition)) {
    let done: number | null = 0
    let hasBegun = false
    for (const { number } of all.toSorted((a, b) => a.offset - b.offset)) {
      const handling = own.get(number)
      hasBegun ||= handling !== undefined
      if (!hasBegun) continue
      const end = handling?.end ?? null
      done = done === null || end === null ? null : Math.max(done, end)
      if (handling !== undefined) since.set(number, done)
    }
  }
  return since
}

function readDiary(file: string, member: number): readonly Handling[] {
  const handlings: (Handling & { end: number | null })[] = []
  const begun = new Map<number, { end: number | null }>()
  for (const [what, number, partition, offset, key, ms] of linesOf(file)) {
    if (what === 'tick') continue
    if (what === 'start') {
      const handling = { number, partition, offset, key, member, start: ms, end: null }
      begun.set(offset + partition * 2 ** 40, handling)
      handlings.push(handling)
    } else {
      const handling = begun.get(offset + partition * 2 ** 40)
      if (handling !== undefined) handling.end = ms
    }
  }
  return handlings
}

function linesOf(file: string): readonly Line[] {
  try {
    // The last one may be half written.
    const lines = readFileSync(file, 'utf8').split('\n').slice(0, -1)
    return lines.map((line) => JSON.parse(line) as Line)
  } catch (error) {
    // It was ended before it had begun.
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return []
    throw error
  }
}
