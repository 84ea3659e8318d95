import assert from 'node:assert/strict'
import { after, before, describe, test, type TestContext } from 'node:test'
import { setTimeout as wait } from 'node:timers/promises'
import { numbered } from '../integration/members/load.ts'
import { kafkaPlace, type SharedPlace } from '../integration/members/places.ts'
import type { Task } from '../integration/members/task.ts'
import { Sender } from '../integration/stream/sender.ts'
import { type KafkaServer, startKafka } from '../servers/index.ts'

/** `ONCOMMIT_FAULT_SCALE=10` makes the outage as long as an operator's bad day. */
const AWAY_MS = 3_000 * Number(process.env['ONCOMMIT_FAULT_SCALE'] ?? 1)
const PARTITIONS = 4
const BATCHES = 80
/** So large that members have fetched a part only when it is killed. */
const EVENT_BYTES = 4_096

describe('a broker that is killed under its readers, and comes back', () => {
  let kafka: KafkaServer
  let place: SharedPlace
  before(async () => {
    kafka = await startKafka()
    place = await kafkaPlace(kafka)
  })
  after(async () => {
    await place[Symbol.asyncDispose]()
    await kafka[Symbol.asyncDispose]()
  })

  test('takes nothing from consumers: nothing lost, nothing twice, no key back', async (context) => {
    const { sessionTimeout } = place
    await killUnder({ consume: { group: 'consumers', sessionTimeout, concurrency: 4 } }, context)
  })

  test('takes nothing from streams: nothing lost, nothing twice, no key back', async (context) => {
    const { sessionTimeout } = place
    await killUnder({ stream: { group: 'streams', sessionTimeout } }, context)
  })

  async function killUnder(
    reading: Pick<Task, 'consume' | 'stream'>,
    context: TestContext,
  ): Promise<void> {
    const topic = await place.newTopic(PARTITIONS)
    const sent = BATCHES * 50
    await using sender = await Sender.open(place.broker)
    for (let batch = 0; batch < BATCHES; batch++)
      await sender.sendEvents(topic, numbered(50, batch * 50, EVENT_BYTES))
    await using members = place.members({ topic, ...reading, handleMs: 3 })
    const both = [members.start(), members.start()]
    for (const member of both) await member.untilHandled(100)
    await kafka.kill()
    const soFar = members.handled
    for (const member of both)
      await member.until('it waits', (told) => told.some(({ event }) => event === 'away'))
    await wait(AWAY_MS)
    context.diagnostic(`${soFar} were handled before, ${members.handled - soFar} in the outage`)
    assert.ok(members.handled < sent, 'there is more to read')
    await kafka.restart()
    await members.untilNoneLost(sent)
    await Promise.all(both.map((member) => member.terminate()))
    const history = members.history()
    assert.deepEqual(history.again, [])
    assert.deepEqual(history.backwards, [])
  }
})
