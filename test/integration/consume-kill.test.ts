import assert from 'node:assert/strict'
import { randomInt } from 'node:crypto'
import { after, before, describe, test } from 'node:test'
import { doneSince } from './members/history.ts'
import { Load, numbered } from './members/load.ts'
import type { Members } from './members/members.ts'
import { type SharedPlace, sharedPlaces } from './members/places.ts'
import { rounds, sideBySide } from './members/rounds.ts'
import type { Broker } from '../../src/core/broker.ts'
import { Sender } from './stream/sender.ts'

const PARTITIONS = 2
const INTERVAL_MS = 200
/** A commit takes its time, on a busy machine too. */
const LATE_MS = 500
const WINDOW = 100
/** Events that become dead letters: every third. */
const POISON = 30
/** Groups side by side: most of the time each waits until a session is over. */
const GROUPS = 4

for (const [name, openPlace] of Object.entries(sharedPlaces)) {
  describe(`a consumer that is killed at a random moment on ${name}`, { concurrency: true }, () => {
    let place: SharedPlace
    before(async () => {
      place = await openPlace()
    })
    after(async () => place[Symbol.asyncDispose]())

    test('loses nothing, and repeats what it handled since the last commit and what the window holds behind an event in hand', async (context) => {
      const all = rounds(3)
      const again: number[] = []
      await sideBySide(Math.min(GROUPS, all), GROUPS, async (at) => {
        again.push(...(await killOften(place, Math.ceil((all - at) / GROUPS))))
      })
      assert.equal(again.length, all)
      context.diagnostic(`came again: ${again.toSorted((a, b) => a - b).join(' ')}`)
    })

    test('an event is a dead letter once or twice, never not at all, though the consumer dies before it commits', async () => {
      await sideBySide(2 * rounds(1), GROUPS, (round) => buryAndDie(place, round % 2 === 0))
    })
  })
}

/** Gives how many events came again after each kill. */
async function killOften(place: SharedPlace, kills: number): Promise<number[]> {
  const topic = await place.newTopic(PARTITIONS)
  const consume = {
    group: topic,
    commitInterval: INTERVAL_MS,
    window: WINDOW,
    sessionTimeout: place.sessionTimeout,
  }
  await using members = place.members({ topic, consume, handleMs: 2 })
  const handled = (): number => members.handled
  await using load = await Load.begin(place.broker, { topic, handled, ahead: 400 })
  const killed: number[] = []
  for (let kill = 0; kill < kills; kill++) {
    const member = members.start()
    await member.untilHandled(randomInt(1, 600))
    killed.push(await member.kill())
  }
  const sent = await load.stop()
  const last = members.start()
  await members.untilNoneLost(sent)
  await last.terminate()
  return againAfter(members, killed)
}

function againAfter(members: Members, killed: readonly number[]): number[] {
  const history = members.history()
  const since = killed.map((_, member) => doneSince(history, member))
  const lastMember = new Map<number, number>()
  const again = killed.map(() => ({ all: 0, held: [0, 0] }))
  for (const { number, partition, member } of history.handlings) {
    const earlier = lastMember.get(number)
    lastMember.set(number, member)
    if (earlier === undefined) continue
    const count = again[earlier]
    const done = since[earlier]?.get(number) ?? null
    assert.ok(count !== undefined, `member ${earlier} was not killed`)
    count.all += 1
    if (done === null) count.held[partition] = (count.held[partition] ?? 0) + 1
    else {
      const ms = history.workedMs(earlier, done, killed[earlier] ?? 0)
      assert.ok(ms <= INTERVAL_MS + LATE_MS, `${number} comes again, done for ${ms} ms`)
    }
  }
  for (const { held } of again) for (const count of held) assert.ok(count <= WINDOW, `${count}`)
  return again.map(({ all }) => all)
}

/** One dies when it has an acknowledgement of a dead letter, and may have committed those before. */
async function buryAndDie(place: SharedPlace, hasCommitted: boolean): Promise<void> {
  const topic = await place.newTopic(PARTITIONS)
  const dead = await place.newTopic(1, `${topic}.${topic}.dead`)
  const poison = Array.from({ length: POISON }, (_, at) => at * 3)
  const { sessionTimeout } = place
  const commitInterval = hasCommitted ? 0 : 60_000
  const consume = { group: topic, commitInterval, deadLetter: {}, sessionTimeout }
  await using members = place.members({ topic, consume, handleMs: 1, poison })
  await using sender = await Sender.open(place.broker)
  await sender.sendEvents(topic, numbered(POISON * 3))
  const diesAfterDead = randomInt(1, POISON)
  await members.start({ diesAfterDead }).ended()
  const soFar = await readNumbers(place.broker, dead)
  assert.ok(soFar.length >= diesAfterDead)
  const last = members.start()
  await members.untilNoneLost(POISON * 3)
  await last.terminate()
  const found = Map.groupBy(await readNumbers(place.broker, dead), (number) => number)
  assert.deepEqual(
    [...found.keys()].toSorted((a, b) => a - b),
    poison,
  )
  for (const [number, { length }] of found)
    if (hasCommitted && soFar.includes(number)) assert.ok(length <= 2, `${number} ${length} times`)
    else assert.equal(length, soFar.includes(number) ? 2 : 1, `${number}`)
}

/** The numbers of all events that a topic has. */
async function readNumbers(broker: Broker, topic: string): Promise<number[]> {
  const client = await broker.openLog({ clientId: 'test' })
  const partitions = await client.partitions([topic])
  const ends = await client.offsets(partitions, 'latest')
  const numbers: number[] = []
  const { signal } = new AbortController()
  const limits = { maxBytes: 1e6, maxPartitionBytes: 1e6, maxWaitMs: 100, signal }
  for (const end of ends) {
    let [{ offset } = end] = await client.offsets([end], 'earliest')
    while (offset < end.offset)
      for (const { records, nextOffset } of await client.fetch([{ ...end, offset }], limits)) {
        offset = nextOffset
        for (const { headers } of records)
          numbers.push(Number(headers.find(([name]) => name === 'number')?.[1]))
      }
  }
  await client.close()
  return numbers
}
