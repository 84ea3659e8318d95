import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { local } from '../../src/brokers/local/index.ts'
import { EventBus } from '../../src/bus/event-bus.ts'
import type { Consumer } from '../../src/consumer/consume/consumer.ts'
import { OptionError, StoreError } from '../../src/core/errors.ts'
import type { Inbox } from '../../src/core/inbox.ts'
import { sqlite } from '../../src/stores/sqlite/index.ts'
import { uuidv7 } from '../../src/core/uuid.ts'
import { freshTopic } from './stream/places.ts'
import { eventually, MemoryLogger } from './stream/reading.ts'
import { Sender } from './stream/sender.ts'

const inboxKey = (): string => '00000000-0000-7000-8000-000000000000'
const done = (consumer: Consumer): Promise<void> =>
  eventually('all are done', () => consumer.lag()[0]?.lag === 0n)

describe('a consumer with an inbox', () => {
  let folder: string
  let bus: EventBus
  let sender: Sender
  let inbox: Inbox
  const logger = new MemoryLogger()
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'oncommit-inbox-'))
    const broker = local({ partitions: 1 })
    const store = sqlite({ file: join(folder, 'app.db') })
    bus = new EventBus({ broker, store, logger })
    await bus.migrate()
    sender = await Sender.open(broker)
    inbox = store.inbox as Inbox
  })
  after(async () => {
    await sender[Symbol.asyncDispose]()
    await bus.close()
    await rm(folder, { recursive: true })
  })
  const uuids = [uuidv7(), uuidv7(), uuidv7()]
  const texts = (which: readonly number[]): { key: string; uuid: string; payload: Buffer }[] =>
    which.map((n) => ({ key: 'k', uuid: uuids[n] ?? '', payload: Buffer.from(String(n)) }))

  test('an event that is published again is counted and skipped, for each group by itself', async () => {
    const topic = freshTopic()
    await sender.sendEvents(topic, texts([0, 1, 0, 2, 1]))
    for (const group of [`${topic}-a`, `${topic}-b`]) {
      const got: string[] = []
      const consumer = bus.consume(topic, { group, inbox: true }, (event, { tx }) => {
        assert.ok(tx !== undefined)
        got.push(event.text())
      })
      await done(consumer)
      const { handled, duplicates } = await consumer.stop()
      assert.deepEqual([got, handled, duplicates], [['0', '1', '2'], 5, 2])
    }
  })

  test('a batch gives the new ones only, and one that fails undoes all of it', async () => {
    const topic = freshTopic()
    await sender.sendEvents(topic, texts([0, 1, 0, 2, 1]))
    const calls: string[][] = []
    const options = { group: topic, inbox: true, retry: { backoff: { first: 1 } } } as const
    const consumer = bus.consumeBatches(topic, options, (events) => {
      calls.push(events.map((event) => event.text()))
      if (calls.length === 1) throw new Error('once')
    })
    await done(consumer)
    const { handled, duplicates } = await consumer.stop()
    assert.deepEqual(calls, [['0', '1', '2'], ['0'], ['1'], ['2']])
    assert.deepEqual([handled, duplicates], [5, 2])
  })

  test('a uuid is the same in capitals, within a batch too', async () => {
    const topic = freshTopic()
    const [event] = texts([0])
    await sender.sendEvents(topic, [
      { ...event },
      { ...event, uuid: uuids[0]?.toUpperCase() ?? '' },
    ])
    const calls: number[] = []
    const options = { group: topic, inbox: true } as const
    const consumer = bus.consumeBatches(topic, options, (events) => calls.push(events.length))
    await done(consumer)
    assert.equal((await consumer.stop()).duplicates, 1)
    assert.deepEqual(calls, [1])
  })

  test("a replay says 'again' or 'missing'", async () => {
    const topic = freshTopic()
    await sender.sendEvents(topic, texts([0, 1]))
    const seek = { from: 'earliest', seek: true } as const
    const got: string[] = []
    const run = async (options: object): Promise<void> => {
      const all = { group: topic, inbox: true, ...options } as const
      const consumer = bus.consume(topic, all, (event) => got.push(event.text()))
      await done(consumer)
      await consumer.stop()
    }
    await run({})
    await run({ ...seek, replay: 'missing' })
    assert.deepEqual(got, ['0', '1'])
    await run({ ...seek, replay: 'again' })
    assert.deepEqual(got, ['0', '1', '0', '1'])
    await assert.rejects(run(seek), OptionError)
    await assert.rejects(run({ replay: 'again' }), OptionError)
  })

  test('inboxKey says what an event is known by', async () => {
    const topic = freshTopic()
    await sender.sendEvents(topic, texts([0, 1]))
    const got: string[] = []
    const options = { group: topic, inbox: true, inboxKey } as const
    const consumer = bus.consume(topic, options, (event) => got.push(event.text()))
    await done(consumer)
    await consumer.stop()
    assert.deepEqual(got, ['0'])
  })

  test('an inbox that is away counts no attempt: the consumer rests and goes on', async () => {
    const topic = freshTopic()
    await sender.sendEvents(topic, texts([0]))
    let failures = 2
    const away: Inbox = {
      clean: async (retentionMs) => inbox.clean(retentionMs),
      once: async (group, noted, work) => {
        if (failures-- > 0) throw new StoreError('away')
        return inbox.once(group, noted, work)
      },
    }
    const attempts: number[] = []
    const consumer = bus.consume(
      topic,
      { group: topic, inbox: away, retry: { attempts: 1 } },
      (_, { attempt }) => attempts.push(attempt),
    )
    await eventually('it waits', () => consumer.health().state === 'reconnecting')
    await done(consumer)
    assert.equal(consumer.health().state, 'running')
    await consumer.stop()
    assert.deepEqual(attempts, [1])
    assert.equal(logger.at('error').filter((line) => line.includes(topic)).length, 1)
  })

  test('a StoreError of the handler is its own, and counts', async () => {
    const topic = freshTopic()
    await sender.sendEvents(topic, texts([0]))
    const options = { group: topic, inbox: true, retry: { attempts: 1 } } as const
    const consumer = bus.consume(topic, options, () => {
      throw new StoreError('of another database')
    })
    await eventually('it is blocked', () => consumer.health().state === 'blocked')
    assert.equal((await consumer.stop()).handled, 0)
  })

  test('redrive runs the handler over the dead letters, and with the inbox handles each once', async () => {
    const topic = freshTopic()
    await sender.sendEvents(topic, texts([0, 1, 0, 2]))
    const options = { group: topic, inbox: true, retry: { attempts: 1 }, deadLetter: {} } as const
    const consumer = bus.consume(topic, options, (event) => {
      if (event.text() !== '2') throw new Error('not yet')
    })
    await done(consumer)
    assert.equal((await consumer.stop()).dead, 3)
    const got: string[] = []
    const first = await bus.redrive(topic, options, (event) => {
      if (event.text() === '1') throw new Error('still not')
      got.push(`${event.topic} ${event.offset} ${event.text()} ${event.headers.length}`)
    })
    assert.deepEqual([first.handled, first.dead, first.duplicates], [2, 1, 1])
    assert.deepEqual(got, [`${topic} 0 0 0`])
    const second = await bus.redrive(topic, options, (event) => got.push(event.text()))
    assert.deepEqual([second.handled, second.dead, got[1]], [1, 0, '1'])
    const third = await bus.redrive(topic, options, () => assert.fail('nothing is left'))
    assert.equal(third.handled, 0)
  })
})
