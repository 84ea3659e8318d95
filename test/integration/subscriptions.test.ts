import assert from 'node:assert/strict'
import { setImmediate as turn } from 'node:timers/promises'
import { describe, test } from 'node:test'
import { local } from '../../src/brokers/local/index.ts'
import { EventBus } from '../../src/bus/event-bus.ts'
import type { ReceivedEvent } from '../../src/consumer/received-event.ts'
import { handled } from './consume/consuming.ts'
import { Gate, Loop, MemoryLogger, numbers, take } from './stream/reading.ts'
import { Sender } from './stream/sender.ts'

interface Opened extends AsyncDisposable {
  readonly bus: EventBus
  /** Of another program. */
  readonly other: EventBus
  readonly sender: Sender
}

async function open(): Promise<Opened> {
  const broker = local({ partitions: 4 })
  const logger = new MemoryLogger()
  const bus = new EventBus({ broker, logger })
  const other = new EventBus({ broker, logger })
  return {
    bus,
    other,
    sender: await Sender.open(broker),
    [Symbol.asyncDispose]: async () => {
      await Promise.all([bus.close(), other.close()])
    },
  }
}

const byText = (text: string): string => text

describe('the subscriptions of a bus', () => {
  test('listSubscribers names the groups that are open here, each once, and those of no other bus', async () => {
    await using at = await open()
    const streams = ['a', 'a', 'b'].map((group) => at.bus.stream('t', { group }))
    const consumer = at.bus.consume(['t', 'u'], { group: 'c' }, () => {})
    const nobody = at.bus.stream('t')
    at.other.stream('t', { group: 'd' })
    assert.deepEqual(at.bus.listSubscribers('t').toSorted(), ['a', 'b', 'c'])
    assert.deepEqual(at.bus.listSubscribers('u'), ['c'])
    assert.deepEqual(at.bus.listSubscribers('v'), [])
    await streams[0]?.close()
    assert.deepEqual(at.bus.listSubscribers('t').toSorted(), ['a', 'b', 'c'])
    for (const one of [...streams, consumer, nobody]) await one.close()
    assert.deepEqual(at.bus.listSubscribers('t'), [])
  })

  test('unsubscribe ends every stream and consumer of the pair, and no other', async () => {
    await using at = await open()
    await at.sender.send('t', numbers(40), byText)
    const got: string[] = []
    const note = (event: ReceivedEvent): void => void got.push(event.text())
    const loops = [1, 2].map(() => new Loop(at.bus.stream('t', { group: 'a' }), note))
    const consumer = at.bus.consume('t', { group: 'a' }, note)
    const ofB = new Loop(at.bus.stream('t', { group: 'b' }))
    const elsewhere = new Loop(at.other.stream('t', { group: 'c' }))
    await handled(got, 40)
    await at.bus.unsubscribe('t', 'a')
    for (const loop of loops) await loop.ended
    await consumer.closed
    assert.deepEqual(at.bus.listSubscribers('t'), ['b'])
    assert.equal(got.length, 40)
    for (const loop of [ofB, elsewhere]) {
      await loop.handled(40)
      await loop.end()
    }
  })

  test('unsubscribe of a pair that is not open resolves', async () => {
    await using at = await open()
    await at.bus.unsubscribe('t', 'a')
    at.bus.stream('t')
    await at.bus.unsubscribe('t', '')
  })

  test('the first gets nothing more, and the second misses nothing, as often as they change', async () => {
    await using at = await open()
    const all: string[] = []
    for (let round = 0; round < 10; round++) {
      const loop = new Loop(at.bus.stream('t', { group: 'g' }), async (event) => {
        await turn()
        all.push(event.text())
      })
      await at.sender.send('t', numbers(20, round * 20), byText)
      await loop.handled(round % 2 === 0 ? 10 : 0)
      await at.bus.unsubscribe('t', 'g')
      await loop.ended
    }
    const loop = new Loop(
      at.bus.stream('t', { group: 'g' }),
      (event) => void all.push(event.text()),
    )
    await handled(all, 200)
    await loop.end()
    assert.deepEqual(all.toSorted(), numbers(200).toSorted())
  })

  test('close lets each stream and consumer finish what it has in hand, commits it, and gives the others to nobody', async () => {
    await using at = await open()
    await at.sender.send('t', numbers(20), () => 'k')
    const gates = [new Gate(), new Gate()]
    const loop = new Loop(at.bus.stream('t', { group: 'a' }), async (event) => {
      if (event.text() === '5') await gates[0]?.pass()
    })
    const consumer = at.bus.consume('t', { group: 'b' }, async (event) => {
      if (event.text() === '7') await gates[1]?.pass()
    })
    for (const gate of gates) await gate.reached
    const closed = at.bus.close()
    assert.equal(at.bus.close(), closed)
    await turn()
    for (const gate of gates) gate.open()
    await Promise.all([loop.ended, consumer.closed])
    assert.deepEqual(loop.got, numbers(6))
    assert.deepEqual((await consumer.closed).handled, 8)
    assert.throws(() => at.bus.stream('t'), { code: 'ONCOMMIT_STOPPED' })
    assert.throws(() => at.bus.consume('t', { group: 'a' }, () => {}), { code: 'ONCOMMIT_STOPPED' })
    await closed
  })

  test('what a bus had handled when it was closed does not come again', async () => {
    await using at = await open()
    await at.sender.send('t', numbers(20), () => 'k')
    const gate = new Gate()
    const loop = new Loop(at.other.stream('t', { group: 'a' }), async (event) => {
      if (event.text() === '5') await gate.pass()
    })
    await gate.reached
    const unsubscribed = at.other.unsubscribe('t', 'a')
    gate.open()
    await Promise.all([unsubscribed, loop.ended])
    assert.deepEqual(await take(at.bus.stream('t', { group: 'a' }), 1), ['6'])
  })
})
