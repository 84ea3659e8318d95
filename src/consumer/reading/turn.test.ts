import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { group, open } from '../../../test/consumer/opened.ts'
import { plainCodec, ScriptedLog, topic } from '../../../test/consumer/scripted-log.ts'
import { MemoryLogger } from '../../../test/integration/stream/reading.ts'
import { Consumer } from '../consume/consumer.ts'
import { consumeSettings } from '../consume/options.ts'

const EVENTS = 60

/** Keeps the engine for 1 ms, as work that never waits does. */
function work(): void {
  for (const began = performance.now(); performance.now() - began < 1;);
}

/** A log whose events are all at hand at once. */
function fullLog(): ScriptedLog {
  const log = new ScriptedLog([EVENTS])
  log.pageSize = EVENTS
  return log
}

/** How many turns the event loop had between the first event and the last. */
class Turns {
  #count = 0
  #seen = 0
  #first = 0
  #timer: NodeJS.Immediate
  readonly #last = Promise.withResolvers<number>()
  readonly between: Promise<number> = this.#last.promise

  constructor() {
    const next = (): void => {
      this.#count += 1
      this.#timer = setImmediate(next)
    }
    this.#timer = setImmediate(next)
  }

  seen(): void {
    this.#seen += 1
    if (this.#seen === 1) this.#first = this.#count
    if (this.#seen < EVENTS) return
    clearImmediate(this.#timer)
    this.#last.resolve(this.#count - this.#first)
  }
}

async function consume(handler: () => unknown): Promise<void> {
  const log = fullLog()
  const parts = {
    broker: {
      openLog: async () => Promise.resolve(log),
      openProducer: () => Promise.reject(new Error('nothing is sent here')),
    },
    codecFor: () => plainCodec,
    logger: new MemoryLogger(),
    inbox: null,
    onEnd: () => {},
  }
  const turns = new Turns()
  const settings = consumeSettings(topic, { group })
  await using _ = new Consumer(
    {
      ...parts,
      handler: () => {
        work()
        turns.seen()
        return handler()
      },
    },
    settings,
  )
  assert.ok((await turns.between) >= 2)
}

describe('timers and sockets have their turn, though every event is at hand,', () => {
  it('in a loop', async () => {
    const { stream } = open(fullLog())
    const turns = new Turns()
    let seen = 0
    for await (const _ of stream) {
      work()
      turns.seen()
      seen += 1
      if (seen === EVENTS) break
    }
    assert.ok((await turns.between) >= 2)
  })

  it('where a handler gives no promise', () => consume(() => {}))

  it('where a handler gives promises that are settled', () => consume(() => Promise.resolve()))
})
