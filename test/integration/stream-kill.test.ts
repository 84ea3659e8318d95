import assert from 'node:assert/strict'
import { randomInt } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { kafka } from '../../src/brokers/kafka/index.ts'
import { local } from '../../src/brokers/local/index.ts'
import { EventBus } from '../../src/bus/event-bus.ts'
import type { StreamOptions } from '../../src/consumer/stream/options.ts'
import type { Broker } from '../../src/core/broker.ts'
import { createTopic, sharedKafka } from '../servers/index.ts'
import { rounds, sideBySide } from './members/rounds.ts'
import { freshTopic } from './stream/places.ts'
import { eventually, numbers } from './stream/reading.ts'
import { type Given, Program, type Task } from './stream/programs.ts'
import { Sender, type SentEvent } from './stream/sender.ts'

const EVENTS = 4_000
const INTERVAL_MS = 200
/** A commit takes its time, on a busy machine too. */
const LATE_MS = 500
/** A page is of 256 KiB, and of one batch at least. */
const MOST_OF_A_PAGE = 256
const payload = Buffer.alloc(1_024, 'x')

const eventOf = (number: string): SentEvent => ({
  payload,
  key: 'k',
  headers: [['number', number]],
})

type Commit = NonNullable<StreamOptions['commit']>
const COMMITS: readonly Commit[] = ['auto', 'batch', 'message']

/** Of the events that were given, in order, those that came again. */
function assertBound(commit: Commit, given: readonly Given[], again: readonly Given[]): void {
  const last = given.at(-1)?.time ?? 0
  if (commit === 'message') assert.ok(again.length <= 1, `${again.length} came again`)
  else if (commit === 'batch')
    assert.ok(again.length <= MOST_OF_A_PAGE, `${again.length} came again`)
  else
    for (const { time } of again)
      assert.ok(last - time <= INTERVAL_MS + LATE_MS, `one of ${last - time} ms ago came again`)
}

async function killOnce(broker: Broker, task: Task, commit: Commit): Promise<void> {
  await using sender = await Sender.open(broker)
  for (let sent = 0; sent < EVENTS; sent += 50)
    await sender.sendEvents(task.topic, numbers(50, sent).map(eventOf))
  const program = new Program(task)
  const enough = randomInt(1, commit === 'message' ? 300 : 3_000)
  await eventually('it was given enough', () => program.given >= enough, 60_000)
  const given = await program.kill()
  // On a busy machine it may have been given, and have committed, all before it dies.
  await sender.sendEvents(task.topic, numbers(1, EVENTS).map(eventOf))
  const bus = new EventBus({ broker })
  const resumed = await bus.stream(task.topic, task.options).next()
  const streamed = resumed.value
  assert.ok(streamed !== undefined)
  await bus.unsubscribe(task.topic, task.options.group ?? '')
  const first = Number(streamed.header('number'))
  const next = (given.at(-1)?.number ?? -1) + 1
  assert.ok(first <= next, `${first} follows ${next - 1}: none is missing`)
  assertBound(
    commit,
    given,
    given.filter(({ number }) => number >= first),
  )
}

describe('a stream in a process of its own', { concurrency: true }, () => {
  for (const commit of COMMITS) {
    const options = (group: string, sessionTimeout: number): StreamOptions => {
      const interval = commit === 'auto' ? { commitInterval: INTERVAL_MS } : {}
      return { group, commit, sessionTimeout, drainTimeout: 0, ...interval }
    }

    describe(
      `with commit '${commit}' that is killed at a random moment`,
      { concurrency: true },
      () => {
        let folder: string
        before(async () => {
          folder = await mkdtemp(join(tmpdir(), 'oncommit-kill-'))
        })
        after(async () => rm(folder, { recursive: true }))

        test('on the local broker misses nothing, and repeats no more than the mode says', async () => {
          await sideBySide(rounds(1), 2, async (round) => {
            const at = { file: join(folder, `${round}.db`), synchronous: 'normal' } as const
            const broker = local({ ...at, partitions: 1 })
            await killOnce(
              broker,
              { at, topic: 't', options: options('g', 1_000), diary: join(folder, `${round}.txt`) },
              commit,
            )
            await broker.close()
          })
        })

        test('on Kafka misses nothing, and repeats no more than the mode says', async () => {
          const { address } = await sharedKafka()
          await sideBySide(rounds(1), 4, async (round) => {
            const topic = freshTopic()
            await createTopic({ address, host: '', port: 0 }, topic)
            const broker = kafka({ brokers: [address] })
            await killOnce(
              broker,
              {
                at: { address },
                topic,
                options: options(topic, 6_000),
                diary: join(folder, `kafka-${round}.txt`),
              },
              commit,
            )
            await broker.close()
          })
        })
      },
    )
  }
})
