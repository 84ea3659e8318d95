import assert from 'node:assert/strict'
import { after, before, describe, test, type TestContext } from 'node:test'
import { doneSince } from './members/history.ts'
import { Load } from './members/load.ts'
import type { Member, Members } from './members/members.ts'
import { groupPlaces, type SharedPlace } from './members/places.ts'
import type { Task } from './members/task.ts'

const PARTITIONS = 4
/** A commit that was under way when it froze. */
const LATE_MS = 500

for (const [name, openPlace] of Object.entries(groupPlaces)) {
  describe(
    `a member that is frozen for longer than its session loses nothing on ${name}`,
    { concurrency: true },
    () => {
      let place: SharedPlace
      before(async () => {
        place = await openPlace()
      })
      after(async () => place[Symbol.asyncDispose]())

      for (const order of ['partition', 'key'] as const) {
        const what = order === 'key' ? 'the window behind it' : 'nothing else'
        test(`a consumer with order '${order}': what it had in hand comes again, and ${what}`, async (context) => {
          await freezeOne(place, context, (shared) => ({ consume: { ...shared, order } }))
        })
      }

      test('a stream: what it had in hand comes again, and nothing else', async (context) => {
        await freezeOne(place, context, (shared) => ({ stream: shared }))
      })
    },
  )
}

async function freezeOne(
  place: SharedPlace,
  context: TestContext,
  reading: (shared: {
    group: string
    sessionTimeout: number
    commitInterval: number
  }) => Pick<Task, 'consume' | 'stream'>,
): Promise<void> {
  const topic = await place.newTopic(PARTITIONS)
  const { sessionTimeout } = place
  const options = reading({ group: topic, sessionTimeout, commitInterval: 0 })
  await using members = place.members({ topic, ...options, handleMs: 20 })
  const handled = (): number => members.handled
  // It has more than it handles, so that something would begin when it goes on.
  const ahead = options.stream === undefined ? 400 : 80
  await using load = await Load.begin(place.broker, { topic, handled, ahead, batch: 40 })
  const [one, two] = [members.start(), members.start()]
  await one.untilHandled(30)
  await two.untilHandled(30)
  const frozen = await one.freeze()
  await untilAllPartitionsAreOf(members, two, frozen)
  const thawed = one.thaw()
  await one.untilHandled(one.handled + 30)
  const sent = await load.stop()
  await members.untilNoneLost(sent)
  await Promise.all([one.terminate(), two.terminate()])
  const history = members.history()
  const since = doneSince(history, members.all.indexOf(one))
  const again = new Set(history.again.map(({ number }) => number))
  const ofOther = new Set(history.of(members.all.indexOf(two)).map(({ number }) => number))
  context.diagnostic(`came again: ${again.size}`)
  for (const { number, start } of history.of(members.all.indexOf(one))) {
    if (!again.has(number)) continue
    // What was in hand may come back to itself, where the other had not come so far.
    const isOnlyOwn = !ofOther.has(number)
    assert.ok(start < thawed || isOnlyOwn, `${number} began when another had it\n${members.log()}`)
    if (start > thawed) continue
    const done = since.get(number) ?? null
    // Where one at a time is given of a partition, what is not done is in hand.
    assert.ok(done === null || done > frozen - LATE_MS, `${number} was committed`)
  }
  assert.deepEqual(history.backwards, [])
}

async function untilAllPartitionsAreOf(
  members: Members,
  member: Member,
  since: number,
): Promise<void> {
  await member.until('it has all partitions', () => {
    const own = members.history().of(members.all.indexOf(member))
    const late = own.filter(({ start }) => start > since)
    return new Set(late.map(({ partition }) => partition)).size === PARTITIONS
  })
}
