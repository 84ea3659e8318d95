import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { setTimeout as wait } from 'node:timers/promises'
import { numbered } from '../integration/members/load.ts'
import { kafkaPlace, type SharedPlace } from '../integration/members/places.ts'
import { Sender } from '../integration/stream/sender.ts'
import { type KafkaServer, startKafka } from '../servers/index.ts'

/** `ONCOMMIT_FAULT_SCALE=10` makes the outage as long as an operator's bad day. */
const AWAY_MS = 3_000 * Number(process.env['ONCOMMIT_FAULT_SCALE'] ?? 1)
const PARTITIONS = 4
const BATCHES = 60
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

  test('takes nothing from consumers and streams: nothing lost, nothing twice, no key back', async (context) => {
    const { sessionTimeout } = place
    const topic = await place.newTopic(PARTITIONS)
    const sent = BATCHES * 50
    await using sender = await Sender.open(place.broker)
    for (let batch = 0; batch < BATCHES; batch++)
      await sender.sendEvents(topic, numbered(50, batch * 50, EVENT_BYTES))
    const readings = [
      { consume: { group: 'consumers', sessionTimeout, concurrency: 4 } },
      { stream: { group: 'streams', sessionTimeout } },
    ]
    await using stack = new AsyncDisposableStack()
    const groups = readings.map((reading) =>
      stack.use(place.members({ topic, ...reading, handleMs: 3 })),
    )
    const counts = (): number[] => groups.map(({ handled }) => handled)
    const all = groups.flatMap((members) => [members.start(), members.start()])
    await Promise.all(all.map((member) => member.untilHandled(50)))
    await kafka.kill()
    const soFar = counts()
    for (const member of all)
      await member.until('it waits', (told) => told.some(({ event }) => event === 'away'))
    await wait(AWAY_MS)
    for (const { handled } of groups) assert.ok(handled < sent, 'there is more to read')
    context.diagnostic(`handled before: ${soFar.join(', ')}; soon after: ${counts().join(', ')}`)
    await kafka.restart()
    for (const members of groups) await members.untilNoneLost(sent)
    await Promise.all(all.map((member) => member.terminate()))
    for (const members of groups) {
      const history = members.history()
      assert.deepEqual(history.again, [])
      assert.deepEqual(history.backwards, [])
    }
  })
})
