import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { local } from '../src/brokers/local/index.ts'
import { EventBus, OptionError } from '../src/index.ts'
import { MemoryLogger } from './integration/stream/reading.ts'

const bus = new EventBus({ broker: local(), logger: new MemoryLogger() })
after(() => bus.close())

/** Calls with these options; what starts is stopped again. */
type Call = (options: object, topics?: string | readonly string[]) => Promise<unknown>

const calls: Readonly<Record<string, Call>> = {
  stream: async (options, topics = 't') => bus.stream(topics, options).close(),
  consume: async (options, topics = 't') =>
    bus.consume(topics, options as never, () => {}).stop({ timeout: 0 }),
  consumeBatches: async (options, topics = 't') =>
    bus.consumeBatches(topics, options as never, () => {}).stop({ timeout: 0 }),
  redrive: async (options, topics = 't') =>
    bus.redrive(topics as string, options as never, () => {}),
}

type Wrong = Readonly<Record<string, readonly unknown[]>>

/** Of every call that reads. */
const reading: Wrong = {
  group: ['', 5, null],
  from: [
    'start',
    7n,
    new Date(Number.NaN),
    [{ topic: 't', partition: 0, offset: -1n }],
    [{ topic: 't', partition: 0.5, offset: 1n }],
    { t: { 0: 1 } },
    { t: { x: 1n } },
    { t: 5n },
  ],
  seek: ['yes', 1],
  commitInterval: [-1, 0.5, '1 s', Infinity],
  sessionTimeout: [999, 1_800_001, 1_500.5, '30 s'],
  drainTimeout: [-1, 0.5, 30_000, Infinity, '20 s'],
  signal: [5, {}, new AbortController()],
  onBroken: ['skip', 'ignore', 5],
}

/** Of every call that takes a handler. */
const handling: Wrong = {
  ...reading,
  group: [...(reading['group'] ?? []), undefined],
  concurrency: [0, -1, 1.5, '16', Infinity],
  window: [0, -1, 1.5, Infinity],
  timeout: [0, -1, 86_400_001, Infinity, 'long'],
  retry: [5, null, 'often', []],
  deadLetter: ['dead', true, null],
  afterDead: ['skip', true],
  inbox: [false, 5, {}, null],
  inboxKey: ['uuid', null],
  // Nothing without `seek` and an inbox.
  replay: ['always', 'again', 'missing'],
  // Those of the other call.
  commit: ['auto', 'batch', 'message'],
  ack: ['loop', 'manual'],
  backpressure: ['pause', 'drop'],
}

const consuming: Wrong = {
  ...handling,
  order: ['topic', true],
  maxEvents: [100],
  maxWait: [100],
}

const options: Readonly<Record<string, Wrong>> = {
  stream: {
    ...reading,
    commit: ['never', 'AUTO', true],
    ack: ['none', true],
    backpressure: ['block', 5, {}, { strategy: 'drop', maxEvents: 0 }],
    // Those of the other call.
    concurrency: [16],
    window: [10_000],
    retry: [{}],
    timeout: [60_000],
    afterDead: ['continue'],
    inbox: [true],
    inboxKey: [() => ''],
    replay: ['again'],
    order: ['key'],
    maxEvents: [100],
    maxWait: [100],
    prefetch: [5],
  },
  consume: { ...consuming, concurency: [1] },
  consumeBatches: {
    ...handling,
    maxEvents: [0, -1, 1.5, 10_001, Infinity],
    maxWait: [-1, 0.5, 600_001, 'long'],
    order: ['key'],
    maxevents: [1],
  },
  redrive: { ...consuming, onlyFailed: [1] },
}

/** By the call, so that it says whose option it is. */
function isNamed(call: string, option: string, named: string): boolean {
  return named === `${call}.${option}` || named.startsWith(`${call}.${option}.`)
}

for (const [name, wrong] of Object.entries(options)) {
  const call = calls[name] as Call
  test(`${name}: every wrong option gets an error with its name, and what it takes`, async () => {
    for (const [option, values] of Object.entries(wrong))
      for (const value of values)
        await assert.rejects(
          call({ group: 'g', [option]: value }),
          (error) => {
            assert.ok(error instanceof OptionError, String(error))
            assert.match(error.message, / got .*, takes /)
            assert.ok(isNamed(name, option, error.option), `it names ${error.option}`)
            return true
          },
          `${name}.${option}: ${String(value)}`,
        )
  })

  test(`${name}: no options, or something else in their place, is refused`, async () => {
    for (const given of [null, 5, 'x', []])
      await assert.rejects(call(given as unknown as object), OptionError, String(given))
  })

  if (name === 'redrive') continue
  test(`${name}: a topic that is none is refused by name`, async () => {
    for (const topics of [[], '', [''], 5, null, ['t', 5]])
      await assert.rejects(
        call({ group: 'g' }, topics as string[]),
        (error) => error instanceof OptionError && isNamed(name, 'topic', error.option),
        String(topics),
      )
  })
}

test('a handler that is none is refused by name', async () => {
  const group = 'g'
  for (const handler of [undefined, null, 5, {}] as never[]) {
    assert.throws(() => bus.consume('t', { group }, handler), { option: 'consume.handler' })
    const batches = { option: 'consumeBatches.handler' }
    assert.throws(() => bus.consumeBatches('t', { group }, handler), batches)
    await assert.rejects(bus.redrive('t', { group }, handler), { option: 'redrive.handler' })
  }
})
