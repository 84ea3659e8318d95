import assert from 'node:assert/strict'
import { type ChildProcess, fork } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { after, before, describe, it } from 'node:test'
import { setTimeout as wait } from 'node:timers/promises'
import { kafka } from '../../src/brokers/kafka/index.ts'
import { markerPartition } from '../../src/brokers/kafka/markers.ts'
import type { Broker, PublishBatch, Publisher } from '../../src/core/broker.ts'
import { type Address, createTopic, readTopic, sharedKafka } from '../servers/index.ts'
import type { Answer, Order } from './kafka/publisher-process.ts'

const never = new AbortController().signal
const MARKERS = '__oncommit_markers'

let server: Address
let broker: Broker
let topic: string

before(async () => {
  server = await sharedKafka()
  broker = kafka({ brokers: [server.address] })
})
after(async () => {
  await broker.close()
})

const newTopic = async (): Promise<string> => {
  const name = `f-${randomUUID()}`
  await createTopic(server, name)
  return name
}

const open = (relayId: string = randomUUID()): Promise<Publisher> =>
  broker.openPublisher({ outbox: 'zombie', relayId, signal: never, onAway: () => {} })

function batchOf(number: number, name: string, values: readonly string[]): PublishBatch {
  const first = BigInt(number * 100)
  return {
    number,
    ids: [[first, first + BigInt(values.length - 1)]],
    records: values.map((value) => ({
      topic: name,
      key: Buffer.from('key'),
      value: Buffer.from(value),
      headers: [],
    })),
  }
}

async function append(publisher: Publisher, batch: PublishBatch) {
  const result = await publisher.append(batch, () => {})
  assert.equal(result.state, 'appended')
  return result
}

async function publish(publisher: Publisher, batch: PublishBatch): Promise<void> {
  await (await append(publisher, batch)).commit()
}

const valuesOf = async (name: string, atLeast = 0): Promise<(string | undefined)[]> =>
  (await readTopic(server, name, { atLeast })).map(({ value }) => value?.toString())

class PublisherProcess implements AsyncDisposable {
  readonly #child: ChildProcess

  constructor() {
    const file = new URL('./kafka/publisher-process.ts', import.meta.url)
    this.#child = fork(file, { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] })
  }

  tell(order: Order): void {
    this.#child.send(order)
  }

  async answer(): Promise<Answer> {
    const [answer] = (await once(this.#child, 'message')) as [Answer]
    return answer
  }

  async do(order: Order): Promise<Answer> {
    const answer = this.answer()
    this.tell(order)
    return answer
  }

  freeze(): void {
    this.#child.kill('SIGSTOP')
  }

  thaw(): void {
    this.#child.kill('SIGCONT')
  }

  /** Waits until the kernel says that it is stopped. */
  async frozen(): Promise<void> {
    const state = (): string =>
      readFileSync(`/proc/${this.#child.pid}/stat`, 'utf8').split(') ')[1]?.[0] ?? ''
    while (state() !== 'T') await wait(5)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const gone = once(this.#child, 'exit')
    this.#child.kill('SIGKILL')
    await gone
  }
}

describe(
  'a fenced kafka publisher',
  { skip: process.platform !== 'linux' && 'needs /proc' },
  () => {
    type Moment = 'before it sends' | 'after it has written' | 'while it commits'

    async function freezeAt(moment: Moment, zombie: PublisherProcess): Promise<void> {
      const values = ['3a', '3b']
      const third: Order = { do: 'append', number: 3, topic, values }
      if (moment === 'before it sends') zombie.tell({ ...third, freeze: true })
      else {
        await zombie.do(third)
        if (moment === 'after it has written') zombie.freeze()
        else zombie.tell({ do: 'commit', freeze: true })
      }
      await zombie.frozen()
    }

    for (const moment of [
      'before it sends',
      'after it has written',
      'while it commits',
    ] as const satisfies Moment[]) {
      it(`frozen ${moment}: nothing of it becomes visible after the fence, and the fence tells what had`, async () => {
        topic = await newTopic()
        await using zombie = new PublisherProcess()
        const relayId = randomUUID()
        const { fence = '' } = await zombie.do({ do: 'open', address: server.address, relayId })
        for (const number of [1, 2]) {
          await zombie.do({ do: 'append', number, topic, values: [`${number}a`, `${number}b`] })
          assert.deepEqual(await zombie.do({ do: 'commit' }), { done: 'committed' })
        }
        await freezeAt(moment, zombie)

        const batches = await broker.fence(fence, never)
        const visible = await valuesOf(topic)
        const third = visible.includes('3a')
        assert.deepEqual(visible, ['1a', '1b', '2a', '2b', ...(third ? ['3a', '3b'] : [])])
        assert.deepEqual(
          batches,
          (third ? [2, 3] : [1, 2]).map((number) => ({
            relayId,
            number,
            ids: [[BigInt(number * 100), BigInt(number * 100 + 1)]],
          })),
        )
        if (moment !== 'while it commits') assert.equal(third, false)

        const successor = await open()
        await publish(successor, batchOf(1, topic, ['younger']))
        const answer = zombie.answer()
        if (moment === 'after it has written') zombie.tell({ do: 'commit' })
        zombie.thaw()
        const woken = await answer
        if (third) assert.match(woken.failed ?? woken.done, /^(fenced|committed)$/)
        else assert.equal(woken.failed, 'fenced')
        const next = await zombie.do({ do: 'append', number: 4, topic, values: ['4a'] })
        assert.match(next.failed ?? next.done, /^fenced$/)
        await successor.close()
        assert.deepEqual(await valuesOf(topic), [...visible, 'younger'])
        assert.deepEqual(await broker.fence(fence, never), batches)
      })
    }

    it('killed with a transaction open: the records stay invisible', async () => {
      topic = await newTopic()
      let fence = ''
      {
        await using killed = new PublisherProcess()
        const order = { do: 'open', address: server.address, relayId: randomUUID() } as const
        fence = (await killed.do(order)).fence ?? ''
        await killed.do({ do: 'append', number: 1, topic, values: ['1'] })
      }
      assert.deepEqual(await broker.fence(fence, never), [])
      assert.deepEqual(await valuesOf(topic), [])
      const all = await readTopic(server, topic, { isolation: 'read_uncommitted' })
      assert.equal(all.length, 1)
    })
  },
)

describe('the markers of a kafka publisher', () => {
  /** A publisher whose markers for odd batches share the partition of another's. */
  async function openBeside(other: Publisher): Promise<Publisher> {
    const wanted = markerPartition(`${other.fence}.1`, 8)
    for (;;) {
      const relayId = randomUUID()
      if (markerPartition(`oncommit.zombie.${relayId}.1`, 8) === wanted) return open(relayId)
    }
  }

  it('are found while another relay’s open transaction holds the last stable offset', async () => {
    const name = await newTopic()
    const dead = await open()
    const other = await openBeside(dead)
    const held = await append(other, batchOf(1, name, ['held']))
    await publish(dead, batchOf(1, name, ['1']))
    await publish(dead, batchOf(2, name, ['2']))
    const stable = await readTopic(server, MARKERS)
    assert.ok(!stable.some(({ key }) => key?.toString() === `${dead.fence}.1`))
    assert.deepEqual(
      (await broker.fence(dead.fence, never)).map(({ number }) => number),
      [1, 2],
    )
    await held.commit()
    assert.deepEqual(
      (await broker.fence(other.fence, never)).map(({ number }) => number),
      [1],
    )
    await Promise.all([dead.close(), other.close()])
  })

  it('of an aborted batch do not count, nor does one that was never decided', async () => {
    const name = await newTopic()
    const publisher = await open()
    await publish(publisher, batchOf(1, name, ['1']))
    await publish(publisher, batchOf(2, name, ['2']))
    await (await append(publisher, batchOf(3, name, ['aborted']))).abort()
    await append(publisher, batchOf(4, name, ['open']))
    assert.deepEqual(
      (await broker.fence(publisher.fence, never)).map(({ number }) => number),
      [1, 2],
    )
    assert.deepEqual(await valuesOf(name), ['1', '2'])
    await assert.rejects(append(publisher, batchOf(5, name, ['late'])), { kind: 'fenced' })
    await publisher.close()
  })

  it('are found behind hundreds of another relay’s', async () => {
    const name = await newTopic()
    const dead = await open()
    const other = await openBeside(dead)
    await publish(dead, batchOf(1, name, ['1']))
    for (let number = 1; number < 400; number += 2)
      await publish(other, batchOf(number, name, ['other']))
    assert.deepEqual(
      (await broker.fence(dead.fence, never)).map(({ number }) => number),
      [1],
    )
    await Promise.all([dead.close(), other.close()])
  })

  it('are none for a publisher that never published, and for one that is not known', async () => {
    const publisher = await open()
    assert.deepEqual(await broker.fence(publisher.fence, never), [])
    assert.deepEqual(await broker.fence(`oncommit.zombie.${randomUUID()}`, never), [])
    await publisher.close()
  })

  it('are gone once forgotten', async () => {
    const name = await newTopic()
    const publisher = await open()
    await publish(publisher, batchOf(1, name, ['1']))
    await publish(publisher, batchOf(2, name, ['2']))
    await publisher.close()
    assert.equal((await broker.fence(publisher.fence, never)).length, 2)
    await broker.forget(publisher.fence)
    assert.deepEqual(await broker.fence(publisher.fence, never), [])
    const tombstones = (await readTopic(server, MARKERS)).filter(
      ({ key, value }) => value === null && key?.toString().startsWith(publisher.fence),
    )
    assert.equal(tombstones.length, 2)
  })

  it('come with each transaction, on a compacted topic', async () => {
    const name = await newTopic()
    const publisher = await open()
    await publish(publisher, batchOf(7, name, ['a', 'b', 'c']))
    const markers = (await readTopic(server, MARKERS)).filter(
      ({ key }) => key?.toString() === `${publisher.fence}.1`,
    )
    assert.deepEqual(
      markers.map(({ value }) => JSON.parse(value?.toString() ?? '')),
      [{ relay: publisher.fence.split('.')[2], batch: 7, ids: '[700-702]', topics: [name] }],
    )
    await publisher.close()
  })
})
