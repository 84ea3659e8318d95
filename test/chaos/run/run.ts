import { randomUUID } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { postgres } from '../../../src/stores/postgres/index.ts'
import { createTopic } from '../../servers/index.ts'
import { eventually } from '../eventually.ts'
import { Notebook } from '../proof/history.ts'
import type { Entry } from '../proof/history.ts'
import { seeded } from '../random.ts'
import type { FaultSpan, RunRecord } from '../report/run-record.ts'
import { Cast } from './cast.ts'
import { clientFaults } from './client-faults.ts'
import { sendClosingEvents } from './closing.ts'
import type { Ground } from './ground.ts'
import { BATCH_SIZE, STRICT_BYTES, type Scene, type Topics, topicNames } from './jobs.ts'
import { OutboxView } from './outbox-view.ts'
import { Sampler } from './sampler.ts'
import { strikeUntil } from './schedule.ts'
import {
  type Violation,
  countsOf,
  notHandled,
  readNotebooks,
  readWitness,
  violationsOf,
} from './verdict.ts'
import { versionsOf } from './versions.ts'

export interface RunOptions {
  readonly ground: Ground
  readonly seed: number
  readonly minutes: number
  readonly guarantee: 'exactly-once' | 'at-least-once'
  /** Does the same run again. */
  readonly command: string
  /** Told what happens, a line each. */
  readonly log: (line: string) => void
  /** Ends the load before its time. */
  readonly signal?: AbortSignal
}

/** How long everything may take to be published and handled once nothing is wrong any more. */
const CLOSING_MS = 180_000

/** Load and faults for so long; then all is healed, what is still to do is done, and all is judged. */
export async function runChaos(options: RunOptions): Promise<RunRecord> {
  const { ground, seed, guarantee, log } = options
  const scene = await build(ground, guarantee)
  const folder = mkdtempSync(join(tmpdir(), 'oncommit-chaos-'))
  const view = new OutboxView(() => ground.witness.databaseUrl(), scene.schema)
  const director = new Notebook(join(folder, 'director.jsonl'), 'director')
  await using cast = new Cast({ scene, folder, seed })
  await cast.start()
  const startedAt = new Date().toISOString()
  const began = performance.now()
  const at = (): number => (performance.now() - began) / 1_000
  using sampler = new Sampler(cast, view, at)
  const faults = await harm(options, cast, { director, at })
  // Less than was meant where someone ended it.
  const minutes = Math.min(options.minutes, Math.round(at() / 6) / 10)
  log('healed: what is still to do is done')
  await cast.stop('producer')
  const stuck = await close(options, cast, { scene, view, director, folder })
  sampler[Symbol.dispose]()
  await cast.stop('consumer')
  await cast.stop('relay')
  const entries = await gather(options, cast, { scene, view, folder })
  const unplanned =
    cast.relayDeaths - faults.filter(({ name }) => name.startsWith('relay SIG')).length
  const mayRepeat = guarantee === 'exactly-once' ? 0 : 2 * BATCH_SIZE * (1 + Math.max(0, unplanned))
  const findings = [...stuck, ...accidentsOf(cast), ...violationsOf(entries, mayRepeat)]
  const counts = countsOf(entries)
  const versions = await versionsOf(view)
  if (findings.length === 0) {
    rmSync(folder, { recursive: true })
    await view.drop()
  } else log(`the whole history: ${folder}, the outbox: schema ${scene.schema}`)
  const { command } = options
  const whole = { seed, minutes, startedAt, command, versions, faults, counts, findings }
  return { ...whole, samples: sampler.samples, events: counts['committed'] ?? 0 }
}

/** An outbox and topics of the run's own. */
async function build(ground: Ground, guarantee: Scene['guarantee']): Promise<Scene> {
  const schema = `chaos_${randomUUID().slice(0, 8)}`
  const topics: Topics = {
    plain: `${schema}_plain`,
    other: `${schema}_other`,
    strict: `${schema}_strict`,
  }
  const store = postgres({ url: ground.witness.databaseUrl(), schema })
  await store.migrate()
  await store.close()
  const { kafka } = ground.witness
  await createTopic(kafka, topics.plain, { partitions: 4 })
  await createTopic(kafka, topics.other, { partitions: 2 })
  const configs = { 'max.message.bytes': String(STRICT_BYTES) }
  await createTopic(kafka, topics.strict, { partitions: 3, configs })
  return { ...ground.clients, schema, guarantee, topics }
}

interface Parts {
  readonly scene: Scene
  readonly view: OutboxView
  readonly director: Notebook
  readonly folder: string
}

/** Strikes for the time of the run; all is healed when it resolves. */
async function harm(
  options: RunOptions,
  cast: Cast,
  { director, at }: Pick<Parts, 'director'> & { readonly at: () => number },
): Promise<FaultSpan[]> {
  const spans: FaultSpan[] = []
  const over = AbortSignal.any([
    AbortSignal.timeout(options.minutes * 60_000),
    ...(options.signal === undefined ? [] : [options.signal]),
  ])
  await strikeUntil(over, {
    faults: [...clientFaults(cast.clients), ...options.ground.faults],
    random: seeded(options.seed),
    at,
    onStrike: ({ name }) => {
      director.note({ what: 'fault', fault: name })
    },
    onHealed: (span) => {
      spans.push(span)
      const [from, to] = [span.from.toFixed(1), span.to.toFixed(1)]
      const committed = cast.total('committed')
      options.log(`${from} to ${to} s  ${span.name}: ${span.detail}  ${committed} committed`)
    },
  })
  return spans
}

/** The last event of each key is sent, published and handled; gives what did not come to its end. */
async function close(options: RunOptions, cast: Cast, parts: Parts): Promise<Violation[]> {
  const { ground } = options
  const { scene, view, director, folder } = parts
  const where = { ...scene, databaseUrl: ground.witness.databaseUrl() }
  const closing = await sendClosingEvents(where, director)
  const deadline = performance.now() + CLOSING_MS
  const left = (): number => Math.max(1_000, deadline - performance.now())
  try {
    await eventually(
      'all is published',
      async () => {
        const pending = await view.pending()
        if (pending > 0) await wait(200)
        return pending === 0 ? true : undefined
      },
      left(),
    )
  } catch (cause) {
    const text = `after ${CLOSING_MS} ms without a fault ${await view.pending()} events are still to be published (${String(cause)})`
    return [{ promise: 'Delivered', text }]
  }
  const blocked = new Set(await view.blocked())
  const open = (): string[] =>
    closing.filter((uuid) => !blocked.has(uuid) && cast.closed().get(uuid) !== cast.groups.length)
  let some: ReturnType<typeof notHandled> = []
  try {
    await eventually(
      'the last events are handled',
      () => (open().length === 0 ? true : undefined),
      left(),
    )
    // Only now nothing that is committed hides behind a transaction that a dead relay left open.
    const readings = await readWitness(ground.witness.kafka, topicNames(scene.topics))
    // Events without a key have no last one.
    await eventually(
      'all is handled',
      async () => {
        some = notHandled(readNotebooks(notebooksOf(cast, folder)), readings, cast.groups)
        if (some.length === 0) return true
        await wait(500)
        return undefined
      },
      left(),
    )
  } catch (cause) {
    const lines = [...open(), ...some].slice(0, 10).map((one) => JSON.stringify(one))
    const text = `after ${CLOSING_MS} ms without a fault ${open().length} of the last events and ${some.length} others are not handled (${String(cause)}), for example`
    return [{ promise: 'Delivered', text: [text, ...lines].join('\n  ') }]
  }
  return (await view.wronglyBlamed()).map((text) => {
    return { promise: 'Delivered', text: `blocked, though its topic takes it: ${text}` }
  })
}

async function gather(
  { ground }: RunOptions,
  cast: Cast,
  { scene, view, folder }: Omit<Parts, 'director'>,
): Promise<Entry[]> {
  const entries = readNotebooks(notebooksOf(cast, folder))
  const moment = { at: Number.MAX_SAFE_INTEGER, client: 'outbox' }
  for (const uuid of await view.blocked()) entries.push({ ...moment, what: 'blocked', uuid })
  const readings = await readWitness(ground.witness.kafka, topicNames(scene.topics))
  for (const reading of readings) entries.push(reading)
  return entries
}

function notebooksOf(cast: Cast, folder: string): string[] {
  return [join(folder, 'director.jsonl'), ...cast.clients.flatMap(({ notebooks }) => notebooks)]
}

/** No client of a bus ends by itself, whatever happens to the servers. */
function accidentsOf(cast: Cast): Violation[] {
  return cast.clients.flatMap(({ accidents }) =>
    accidents.map((text) => ({ promise: 'Clients stay alive', text })),
  )
}
