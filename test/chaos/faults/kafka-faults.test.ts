import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { inspect } from 'node:util'

import { Producer } from '@platformatic/kafka'

import { createTopic, kafkaTool, readTopic } from '../../servers/index.ts'
import { knownBrokers } from '../../servers/kafka/wire.ts'
import type { Fault } from './fault.ts'
import { serverFaults } from './server-faults.ts'
import { type ChaosServers, startChaosServers } from './servers.ts'
import { isOpenAfter, strike, timed } from './struck-by-name.ts'

describe('Kafka under chaos', () => {
  let servers: ChaosServers
  let faults: Fault[]

  before(async () => {
    servers = await startChaosServers()
    faults = serverFaults(servers)
    await createTopic(servers.witness.kafka, 'numbers', { partitions: 3 })
  })

  after(async () => servers[Symbol.asyncDispose]())

  /** Asks one broker who is there, on the way that clients take. */
  async function ask(id: number): Promise<number[]> {
    const proxy = servers.proxies.kafka[id - 1]
    assert.ok(proxy)
    return knownBrokers(proxy)
  }

  async function start(): Promise<AsyncDisposable & { send(): Promise<unknown> }> {
    const producer = new Producer({
      clientId: 'faults-test',
      bootstrapBrokers: servers.clients.kafka.address.split(','),
      idempotent: true,
      retries: true,
      retryDelay: 50,
      requestTimeout: 5_000,
    })
    const value = Buffer.from('1')
    const messages = [0, 1, 2].map((partition) => ({ topic: 'numbers', partition, value }))
    await producer.initIdempotentProducer({})
    return {
      send: () => producer.send({ messages, acks: -1 }),
      [Symbol.asyncDispose]: () => producer.close(true),
    }
  }

  /** What Kafka says to one who does not try again. */
  async function refusal(): Promise<string> {
    const bootstrapBrokers = servers.clients.kafka.address.split(',')
    const producer = new Producer({ clientId: 'faults-test', bootstrapBrokers, retries: 0 })
    try {
      const value = Buffer.from('1')
      await producer.send({ messages: [{ topic: 'numbers', partition: 0, value }], acks: -1 })
      return 'none'
    } catch (error) {
      return inspect(error, { depth: 9 })
    } finally {
      await producer.close(true)
    }
  }

  async function leaders(): Promise<(string | undefined)[]> {
    const args = ['--bootstrap-server', servers.witness.kafka.address, '--describe']
    const { stdout } = await kafkaTool('topics', [...args, '--topic', 'numbers'])
    return [...stdout.matchAll(/Partition: \d+\s+Leader: (\d+)/g)].map(([, leader]) => leader)
  }

  async function sendThree(): Promise<void> {
    await using producer = await start()
    await producer.send()
  }

  async function count(): Promise<number> {
    return (await readTopic(servers.witness.kafka, 'numbers')).length
  }

  it('has each kind of fault for each server, and names what it leaves out', () => {
    const names = faults.map(({ name }) => name)
    const each = [
      'SIGKILL',
      'SIGSTOP',
      ': bandwidth',
      ': black hole',
      ': latency',
      ': only the response swallowed',
      ': reset',
    ]
    const left = new Set(servers.leftOut.map(({ what }) => what))
    const expected = ['postgres', 'kafka-1', 'kafka-2', 'kafka-3'].flatMap((server) =>
      each.map((what) => `${server}${what.startsWith(':') ? '' : ' '}${what}`),
    )
    expected.push('kafka: leader election', 'kafka: min.insync.replicas lost')
    expected.push('postgres: connections exhausted', 'postgres: failover to the standby')
    if (!left.has('clocks')) expected.push('postgres: clock stepped')
    if (!left.has('disk')) expected.push('postgres: disk full')
    assert.deepEqual(names.toSorted(), expected.toSorted())
  })

  for (const id of [1, 2, 3]) {
    it(`goes on without broker ${id}, which comes back`, async () => {
      const earlier = await count()
      await using fault = await strike(faults, `kafka-${id} SIGKILL`)
      await assert.rejects(ask(id))
      await sendThree()
      assert.equal(await count(), earlier + 3)
      await fault.heal()
      assert.deepEqual(
        (await ask(id)).toSorted((a, b) => a - b),
        [1, 2, 3],
      )
    })
  }

  it('gets no answer from a broker that is frozen', async () => {
    await using fault = await strike(faults, 'kafka-2 SIGSTOP')
    const answer = ask(2)
    assert.equal(await isOpenAfter(answer, 200), true)
    await fault.heal()
    assert.ok((await answer).length > 0)
  })

  it('writes what it is asked to while the answers of all brokers are swallowed', async () => {
    await using producer = await start()
    await producer.send()
    const earlier = await count()
    await using struck = new AsyncDisposableStack()
    for (const id of [1, 2, 3]) {
      struck.use(await strike(faults, `kafka-${id}: only the response swallowed`))
    }
    const unanswered = producer.send()
    await readTopic(servers.witness.kafka, 'numbers', { atLeast: earlier + 3 })
    assert.equal(await isOpenAfter(unanswered, 600), true)
    await struck.disposeAsync()
    await unanswered
    assert.equal(await count(), earlier + 3)
  })

  it('is reset by the way to one broker, and to no other', async () => {
    await using fault = await strike(faults, 'kafka-1: reset')
    await assert.rejects(ask(1), { code: 'ECONNRESET' })
    assert.equal((await ask(2)).length, 3)
    await fault.heal()
    assert.equal((await ask(1)).length, 3)
  })

  it('falls silent in a black hole', async () => {
    await using fault = await strike(faults, 'kafka-3: black hole')
    const answer = ask(3)
    assert.equal(await isOpenAfter(answer, 200), true)
    await fault.heal()
    await assert.rejects(answer, /closed without an answer/)
    assert.equal((await ask(3)).length, 3)
  })

  it('answers late', async () => {
    await using fault = await strike(faults, 'kafka-2: latency')
    const late = await timed(() => ask(2))
    const others = await timed(() => ask(1))
    // 260 ms each way, give or take 130.
    assert.ok(late >= 260 && others < 260, `${late} ms, the others ${others} ms`)
    await fault.heal()
    const again = await timed(() => ask(2))
    assert.ok(again < 260, `${again} ms`)
  })

  it('acknowledges nothing with one broker of three, and goes on with all', async () => {
    await using producer = await start()
    await producer.send()
    await using fault = await strike(faults, 'kafka: min.insync.replicas lost')
    const waiting = producer.send()
    while (!(await refusal()).includes('NOT_ENOUGH_REPLICAS')) continue
    assert.equal(await isOpenAfter(waiting, 0), true)
    await fault.heal()
    await waiting
    await sendThree()
  })

  it('gets other leaders everywhere', async () => {
    const earlier = await leaders()
    await using fault = await strike(faults, 'kafka: leader election')
    const later = await leaders()
    assert.equal(later.length, 3)
    for (const [partition, leader] of later.entries()) assert.notEqual(leader, earlier[partition])
    await fault.heal()
    await sendThree()
  })
})
