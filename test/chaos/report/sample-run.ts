import type { FaultSpan, RunRecord, Sample } from './run-record.ts'

/** A run in which 100 events a second committed, and were published and handled at once. */
export function sampleRun(differs: Partial<RunRecord> = {}): RunRecord {
  return {
    seed: 42,
    minutes: 30,
    startedAt: '2026-01-02T03:04:05.000Z',
    command: 'npm run chaos -- --minutes 30 --seed 42',
    versions: { 'Node.js': '26.1.0', PostgreSQL: '18.4' },
    samples: steady(1800),
    faults: [faultAt(60, 'relay SIGKILL')],
    events: 180_000,
    counts: { committed: 180_000, 'rolled back': 45_678 },
    findings: [],
    ...differs,
  }
}

/** A sample each second, the first one at 0. */
export function steady(seconds: number): Sample[] {
  return Array.from({ length: seconds + 1 }, (_, at) => {
    const total = at * 100
    return { at, committed: total, published: total, handled: total, backlog: 0 }
  })
}

export function faultAt(from: number, name: string, seconds = 5): FaultSpan {
  return { name, detail: 'the second of three', from, to: from + seconds }
}
