import { withCommas } from './axis.ts'
import type { FaultSpan, RunRecord } from './run-record.ts'

/** What a page says, before it is Markdown or HTML. All of it is text; nothing is markup yet. */
export interface Page {
  readonly title: string
  readonly verdict: string
  /** A run that met nothing, or did nothing, shows little. */
  readonly tone: 'good' | 'bad' | 'weak'
  readonly sections: readonly Section[]
}

interface Section {
  readonly title: string
  readonly blocks: readonly Block[]
}

export type Block =
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: 'code'; readonly text: string }
  | { readonly kind: 'term'; readonly text: string }
  | { readonly kind: 'plot' }
  | Table

export interface Table {
  readonly kind: 'table'
  readonly head: readonly string[]
  readonly rows: readonly (readonly string[])[]
  /** Where a page can fold it away, it does, under this title. */
  readonly folded?: string
}

/** Of each column, whether there are only numbers in it, which are aligned to the right. */
export function numericColumns({ head, rows }: Table): boolean[] {
  return head.map((_, n) => rows.every((row) => /^[\d,.]+$/.test(row[n] ?? '')))
}

/** So many findings of a promise are shown, the shortest first; the rest is counted. */
const SHOWN = 10

export function pageOf(record: RunRecord): Page {
  const { seed, minutes, startedAt, command, versions, counts, events } = record
  const repeat = `Seed ${seed}, ${several(minutes, 'minute')}, started ${startedAt}. The same again:`
  return {
    title: `Chaos, seed ${seed}`,
    verdict: verdictOf(record),
    tone: toneOf(record),
    sections: [
      { title: 'Repeat it', blocks: [text(repeat), { kind: 'code', text: command }] },
      {
        title: 'Rates, backlog and faults over time',
        blocks: [
          { kind: 'plot' },
          text(
            'Each panel has a scale of its own, from zero. Shaded is when anything was wrong. For a time when nobody could look there is the average of the rates, and no backlog.',
          ),
        ],
      },
      { title: 'Faults met', blocks: faultBlocks(record.faults) },
      {
        title: 'Counts',
        blocks: [
          table(
            ['what', 'number'],
            Object.entries({ events, ...counts }).map(([name, n]) => [name, withCommas(n, 2)]),
          ),
        ],
      },
      { title: 'Findings', blocks: findingBlocks(record.findings) },
      { title: 'Versions', blocks: [table(['what', 'version'], Object.entries(versions))] },
    ],
  }
}

/** One sentence. */
function verdictOf({ findings, faults, events, minutes }: RunRecord): string {
  const kinds = new Set(faults.map(({ name }) => name)).size
  const during = `${several(events, 'event')} in ${several(minutes, 'minute')}, through ${several(faults.length, 'fault')} of ${several(kinds, 'kind')}`
  if (findings.length > 0) {
    const broken = new Set(findings.map(({ promise }) => promise)).size
    return `${several(findings.length, 'violation')} of ${several(broken, 'promise')}: ${during}.`
  }
  if (events === 0) return 'Nothing is shown: there were no events.'
  if (faults.length === 0) {
    return `0 violations, but no fault was met: ${several(events, 'event')} in ${several(minutes, 'minute')}.`
  }
  return `0 violations: ${during}.`
}

function toneOf({ findings, faults, events }: RunRecord): Page['tone'] {
  if (findings.length > 0) return 'bad'
  return faults.length > 0 && events > 0 ? 'good' : 'weak'
}

function faultBlocks(faults: readonly FaultSpan[]): Block[] {
  if (faults.length === 0) return [text('None.')]
  const byName = Map.groupBy(faults, ({ name }) => name)
  const names = [...byName].toSorted(([a], [b]) => a.localeCompare(b, 'en', { numeric: true }))
  const rows = names.map(([name, own]) => {
    const seconds = own.reduce((sum, { from, to }) => sum + to - from, 0)
    return [name, withCommas(own.length), seconds.toFixed(1)]
  })
  const each = faults
    .toSorted((a, b) => a.from - b.from)
    .map(({ name, detail, from, to }) => [from.toFixed(1), to.toFixed(1), name, detail])
  return [
    { kind: 'table', head: ['fault', 'times', 'seconds in all'], rows },
    {
      kind: 'table',
      head: ['from s', 'to s', 'fault', 'what'],
      rows: each,
      folded: 'Each of them',
    },
  ]
}

function findingBlocks(findings: RunRecord['findings']): Block[] {
  if (findings.length === 0) return [text('None.')]
  const byPromise = Map.groupBy(findings, ({ promise }) => promise)
  return [...byPromise].flatMap(([promise, own]) => {
    const blocks: Block[] = [{ kind: 'term', text: `${promise}: ${withCommas(own.length)}` }]
    const shortest = own.toSorted((a, b) => a.text.length - b.text.length).slice(0, SHOWN)
    for (const finding of shortest) blocks.push({ kind: 'code', text: finding.text })
    const rest = own.length - shortest.length
    if (rest > 0) blocks.push(text(`And ${withCommas(rest)} more.`))
    return blocks
  })
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): Block {
  return rows.length === 0 ? text('None.') : { kind: 'table', head, rows }
}

function text(words: string): Block {
  return { kind: 'text', text: words }
}

function several(count: number, what: string): string {
  return `${withCommas(count, 2)} ${what}${count === 1 ? '' : 's'}`
}
