import assert from 'node:assert/strict'
import { randomInt } from 'node:crypto'
import { after, before, describe, test } from 'node:test'
import type { Order } from '../../src/consumer/consume/partition-work.ts'
import { Load } from './members/load.ts'
import { type SharedPlace, sharedPlaces } from './members/places.ts'
import { rounds } from './members/rounds.ts'

const PARTITIONS = 4
const STOP_MS = 300

for (const [name, openPlace] of Object.entries(sharedPlaces)) {
  describe(`a consumer in a process of its own on ${name}`, { concurrency: true }, () => {
    let place: SharedPlace
    before(async () => {
      place = await openPlace()
    })
    after(async () => place[Symbol.asyncDispose]())

    for (const [kind, reading] of [
      ['a consumer', (group: string) => ({ consume: { group } })],
      ['a stream', (group: string) => ({ stream: { group } })],
    ] as const) {
      test(`${kind} that gets SIGTERM under load repeats nothing, and loses nothing`, async () => {
        const topic = await place.newTopic(PARTITIONS)
        await using members = place.members({ topic, ...reading(topic), handleMs: 2 })
        const handled = (): number => members.handled
        await using load = await Load.begin(place.broker, { topic, handled, ahead: 100 })
        for (let round = 0; round < rounds(2); round++) {
          const member = members.start()
          await member.untilHandled(randomInt(1, 200))
          const { abandoned } = await member.terminate()
          assert.equal(abandoned, 0)
        }
        const sent = await load.stop()
        const last = members.start()
        await members.untilNoneLost(sent)
        await last.terminate()
        const history = members.history()
        assert.deepEqual(history.again, [])
        assert.deepEqual(history.backwards, [])
      })
    }

    for (const order of ['partition', 'key'] as const) {
      const what =
        order === 'partition'
          ? 'exactly that event comes again'
          : 'that event comes again, and of the others only what was handled behind it in its partition'
      test(`with a hung handler and order '${order}' SIGTERM returns at its timeout, and ${what}`, async () => {
        await hangAndTerminate(place, order)
      })
    }
  })
}

async function hangAndTerminate(place: SharedPlace, order: Order): Promise<void> {
  const topic = await place.newTopic(PARTITIONS)
  const consume = { group: topic, order }
  await using members = place.members({ topic, consume, handleMs: 2, stopTimeout: STOP_MS })
  const handled = (): number => members.handled
  await using load = await Load.begin(place.broker, { topic, handled, ahead: 100 })
  const hung = new Set<number>()
  for (let round = 0; round < rounds(2); round++) {
    const member = members.start()
    await member.untilHandled(randomInt(1, 100))
    hung.add(await member.hang())
    const { abandoned, ms } = await member.terminate()
    assert.equal(abandoned, 1)
    assert.ok(ms >= STOP_MS - 5 && ms < STOP_MS + 2_000, `it took ${ms} ms`)
  }
  const sent = await load.stop()
  const last = members.start()
  await members.untilNoneLost(sent)
  await last.terminate()
  const history = members.history()
  const again = history.again.map(({ number }) => number)
  if (order === 'partition') assert.deepEqual(new Set(again), hung)
  assert.ok(
    [...hung].every((number) => again.includes(number)),
    'what hung comes again',
  )
  const stuck = history.handlings.filter(({ end }) => end === null)
  assert.deepEqual(new Set(stuck.map(({ number }) => number)), hung)
  for (const one of history.again) {
    const behind = stuck.find(
      ({ partition, offset, start }) =>
        partition === one.partition && offset <= one.offset && start < one.start,
    )
    assert.ok(behind !== undefined, `${one.number} was not behind what hung`)
  }
}
