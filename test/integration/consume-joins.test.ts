import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { Load } from './members/load.ts'
import type { Member } from './members/members.ts'
import { groupPlaces, type SharedPlace } from './members/places.ts'
import { rounds } from './members/rounds.ts'
import type { Task } from './members/task.ts'

const PARTITIONS = 6

interface Pace {
  readonly handleMs: number
  /** Events that wait for the members. */
  readonly ahead: number
  /** How many the newest member handles before the next change. */
  readonly enough: number
}

/** A handler of 500 ms is busy at each change, and handles few. */
const paces: readonly Pace[] = [
  { handleMs: 1, ahead: 400, enough: 100 },
  { handleMs: 20, ahead: 200, enough: 30 },
  { handleMs: 500, ahead: 40, enough: 3 },
]

for (const [name, openPlace] of Object.entries(groupPlaces)) {
  describe(
    `members that come and go under load, each a process, on ${name}`,
    { concurrency: true },
    () => {
      let place: SharedPlace
      before(async () => {
        place = await openPlace()
      })
      after(async () => place[Symbol.asyncDispose]())

      for (const pace of paces) {
        test(`consumers with handlers of ${pace.handleMs} ms: nothing lost, nothing twice, no key back`, async () => {
          await comeAndGo(place, pace, (group) => ({ consume: { group } }))
        })
      }

      for (const pace of rounds(1) > 1 ? paces : paces.slice(1, 2)) {
        test(`streams with handlers of ${pace.handleMs} ms: nothing lost, nothing twice, no key back`, async () => {
          const ahead = Math.ceil(pace.ahead / 8)
          await comeAndGo(place, { ...pace, ahead }, (group) => ({ stream: { group } }))
        })
      }
    },
  )
}

async function comeAndGo(
  place: SharedPlace,
  { handleMs, ahead, enough }: Pace,
  reading: (group: string) => Pick<Task, 'consume' | 'stream'>,
): Promise<void> {
  const topic = await place.newTopic(PARTITIONS)
  await using members = place.members({ topic, ...reading(topic), handleMs })
  const handled = (): number => members.handled
  await using load = await Load.begin(place.broker, { topic, handled, ahead })
  const staying: Member[] = []
  for (const change of ['+', '+', '-', '+', '-'] as const) {
    if (change === '+') staying.push(members.start())
    else await staying.shift()?.terminate()
    const newest = staying.at(-1)
    await newest?.untilHandled(newest.handled + enough)
  }
  const sent = await load.stop()
  await members.untilNoneLost(sent)
  await Promise.all(staying.map((member) => member.terminate()))
  const history = members.history()
  assert.deepEqual(history.again, [])
  assert.deepEqual(history.backwards, [])
}
