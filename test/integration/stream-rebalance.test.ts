import assert from 'node:assert/strict'
import { setImmediate as turn } from 'node:timers/promises'
import { after, before, describe, test } from 'node:test'
import { EventBus } from '../../src/bus/event-bus.ts'
import type { EventStream } from '../../src/consumer/stream/event-stream.ts'
import type { StreamOptions } from '../../src/consumer/stream/options.ts'
import type { ReceivedEvent } from '../../src/consumer/received-event.ts'
import { freshTopic, groupPlaces, type Place } from './stream/places.ts'
import { eventually, Gate, Loop, MemoryLogger, numbers, take } from './stream/reading.ts'
import { Sender } from './stream/sender.ts'

const PARTITIONS = 6

const byText = (text: string): string => text

for (const [name, openPlace] of Object.entries(groupPlaces)) {
  describe(`members of a group on ${name}`, () => {
    let place: Place
    let sender: Sender
    const logger = new MemoryLogger()
    before(async () => {
      place = await openPlace()
      sender = await Sender.open(place.broker)
    })
    after(async () => {
      await Promise.all(streams.map(async (one) => one.return()))
      await sender[Symbol.asyncDispose]()
      await place[Symbol.asyncDispose]()
    })
    const streams: EventStream[] = []
    const stream = (topic: string, options: StreamOptions = {}): EventStream => {
      const bus = new EventBus({ broker: place.broker, logger })
      const opened = bus.stream(topic, { group: topic, ...options })
      streams.push(opened)
      return opened
    }
    const newTopic = async (partitions: number): Promise<string> => {
      const topic = freshTopic()
      await place.createTopic(topic, partitions)
      return topic
    }
    for (const [title, options] of [
      ["commit 'auto'", {}],
      ["commit 'batch'", { commit: 'batch' }],
      ["commit 'message'", { commit: 'message' }],
      ['manual acks', { ack: 'manual' }],
    ] as const) {
      test(`come and go under load with ${title}: nothing twice, nothing lost, nothing back`, async () => {
        const topic = await newTopic(PARTITIONS)
        const handled: [partition: number, offset: bigint][] = []
        const join = (): Loop =>
          new Loop(stream(topic, options), async (event) => {
            await turn()
            handled.push([event.partition, event.offset])
            if ('ack' in options) void event.ack()
          })
        const members: Loop[] = []
        let sent = 0
        const sendUntil = async (isEnough: () => boolean): Promise<void> => {
          while (!isEnough()) {
            await sender.send(topic, numbers(20, sent), byText)
            sent += 20
            // The memory broker answers at once: others must have their turn.
            await turn()
          }
        }
        for (const change of ['+', '+', '-', '+', '-', '+', '-']) {
          if (change === '+') members.push(join())
          else await members.shift()?.end()
          const newest = members.at(-1)
          const soFar = newest?.got.length ?? 0
          await sendUntil(() => (newest?.got.length ?? 0) >= soFar + 20)
        }
        await eventually('all are handled', () => handled.length >= sent)
        for (const member of members) await member.end()
        assert.equal(handled.length, sent, 'none twice')
        const next = new Map<number, bigint>()
        for (const [partition, offset] of handled) {
          assert.ok(offset >= (next.get(partition) ?? 0n), 'none back')
          next.set(partition, offset + 1n)
        }
      })
    }

    test('an event that takes longer than the drain comes again, and its late end moves no mark', async () => {
      // Of two partitions one goes to who joins, whoever gives them away.
      const topic = await newTopic(2)
      await sender.send(topic, numbers(3), () => 'k')
      const gate = new Gate()
      const options = { drainTimeout: 50, commitInterval: 10 }
      const first = new Loop(stream(topic, options), async (event) => {
        if (event.text() === '1') await gate.pass()
      })
      await gate.reached
      // The partition of the three goes to one of the two: to either from its mark.
      const again: string[] = []
      const second = new Loop(stream(topic, options), (event) => void again.push(event.text()))
      await eventually('it was given up', () =>
        logger.at('warn').some((line) => line.includes(topic)),
      )
      gate.open()
      await eventually('all are handled', () => again.includes('2') || first.got.includes('2'))
      await Promise.all([first.end(), second.end()])
      assert.deepEqual([...first.got, ...again].toSorted(), ['0', '1', '1', '2'])
      await sender.send(topic, ['3'], () => 'k')
      assert.deepEqual(await take(stream(topic), 1), ['3'])
    })

    test('a member that was expelled marks nothing with what it finishes late, and comes back', async () => {
      const topic = await newTopic(1)
      await sender.send(topic, numbers(4))
      const inHand: ReceivedEvent[] = []
      const options = { ack: 'manual', commit: 'message', drainTimeout: 50 } as const
      const member = new Loop(stream(topic, options), (event) => void inHand.push(event))
      await member.handled(4)
      await inHand[0]?.ack()
      await place.expel(topic)
      await member.handled(7)
      for (const event of inHand.slice(0, 4)) await event.ack()
      assert.equal(member.stream.lag()[0]?.mark, 1n)
      await member.end()
      assert.deepEqual(await take(stream(topic), 3), numbers(3, 1))
    })
  })
}
