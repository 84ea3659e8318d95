import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { before, describe, it } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { ConsumerGroupMembership } from '../../src/brokers/kafka/consumer-group-membership.ts'
import { loadKafka } from '../../src/brokers/kafka/kafka-client.ts'
import { LogCluster } from '../../src/brokers/kafka/log-cluster.ts'
import type { Api, KafkaWire } from '../../src/brokers/kafka/wire.ts'
import type { JoinOptions, LogClient, TopicPartition } from '../../src/core/log.ts'
import { type Address, createTopic, sharedKafka, startKafka } from '../servers/index.ts'
import { expelConsumers } from './kafka/consumer-groups.ts'
import { openLog } from './kafka-log/reading.ts'

let server: Address
before(async () => {
  server = await sharedKafka()
})

async function newTopic(partitions: number): Promise<string> {
  const topic = `consumer-group-${randomUUID()}`
  await createTopic(server, topic, { partitions })
  return topic
}

const open = (at: Address = server): Promise<LogClient & AsyncDisposable> =>
  openLog(at, { groupProtocol: 'consumer' })

type Assigned = { partitions: readonly TopicPartition[]; generation: number }

function recording(group: string, topics: readonly string[], more: Partial<JoinOptions> = {}) {
  const assigned: Assigned[] = []
  let lost = 0
  let heard = Promise.withResolvers<void>()
  const hear = (): void => {
    heard.resolve()
    heard = Promise.withResolvers()
  }
  const options: JoinOptions = {
    group,
    topics,
    sessionTimeoutMs: 6_000,
    onAssigned(partitions, generation) {
      assigned.push({ partitions, generation })
      hear()
    },
    onRevoking: async () => {},
    onLost() {
      lost += 1
      hear()
    },
    onAway: () => {},
    ...more,
  }
  return {
    options,
    get owned(): Assigned {
      return assigned.at(-1) ?? { partitions: [], generation: 0 }
    },
    get lost(): number {
      return lost
    },
    get changes(): number {
      return assigned.length
    },
    async owns(count: number): Promise<void> {
      while (assigned.at(-1)?.partitions.length !== count) await heard.promise
    },
    async until(isTrue: () => boolean): Promise<void> {
      while (!isTrue()) await heard.promise
    },
  }
}

/** A member with a client that differs from the one that is installed. */
async function memberOf(group: string, topic: string, client: Readonly<Record<string, unknown>>) {
  const wire = { ...(await loadKafka<KafkaWire>()), ...client }
  const clientOptions = { bootstrapBrokers: [server.address] }
  const cluster = new LogCluster(wire, { clientId: 'test', clientOptions })
  const recorded = recording(group, [topic])
  const membership = ConsumerGroupMembership.start(cluster, recorded.options)
  await membership.joined
  return Object.assign(recorded, {
    membership,
    [Symbol.asyncDispose]: async () => {
      await membership.leave()
      await cluster.close()
    },
  })
}

describe('a member by the consumer group protocol', () => {
  it('keeps what it is to give up until what is in hand is finished, and commits it', async () => {
    const topic = await newTopic(2)
    const group = randomUUID()
    await using log = await open()
    await using otherLog = await open()
    const steps: string[] = []
    const marks = [0, 1].map((partition) => ({ topic, partition, offset: 5n }))
    const one = recording(group, [topic], {
      onRevoking: async () => {
        steps.push('draining')
        // Longer than two heartbeats.
        await sleep(2_500)
        const { generation } = one.owned
        steps.push(`taken: ${await membership.commit(marks.map((at) => ({ ...at, generation })))}`)
      },
    })
    const membership = await log.join(one.options)
    await one.owns(2)
    const other = recording(group, [topic])
    const others = await otherLog.join(other.options)
    await other.owns(1)
    steps.push('other assigned')
    assert.deepEqual(steps, ['draining', 'taken: true', 'other assigned'])
    assert.equal((await others.committed(marks)).length, 2)
    assert.equal(one.lost, 0)
  })

  it('commits on while its epoch changes under it', async () => {
    const [mine, theirs] = [await newTopic(1), await newTopic(1)]
    const group = randomUUID()
    await using log = await open()
    const one = recording(group, [mine])
    const membership = await log.join(one.options)
    await one.owns(1)
    const { generation } = one.owned
    let offset = 0n
    const over = new AbortController()
    const committing = (async () => {
      while (!over.signal.aborted) {
        const mark = { topic: mine, partition: 0, offset: ++offset, generation }
        assert.equal(await membership.commit([mark]), true)
      }
    })()
    for (let i = 0; i < 3; i++) {
      await using otherLog = await open()
      const other = recording(group, [theirs])
      await otherLog.join(other.options)
      await other.owns(1)
    }
    over.abort()
    await committing
    assert.equal(one.changes, 1, 'it was not disturbed')
  })

  it('that finishes too late gives up nevertheless, and its late commit moves nothing', async () => {
    const topic = await newTopic(2)
    const group = randomUUID()
    await using log = await open()
    await using otherLog = await open()
    const told = Promise.withResolvers<void>()
    const never = Promise.withResolvers<void>()
    const one = recording(group, [topic], {
      sessionTimeoutMs: 1_000,
      onRevoking: async (_, signal) => {
        signal.addEventListener('abort', () => told.resolve())
        await never.promise
      },
    })
    const membership = await log.join(one.options)
    await one.owns(2)
    const { generation } = one.owned
    const other = recording(group, [topic])
    await otherLog.join(other.options)
    await told.promise
    await other.owns(1)
    const late = [0, 1].map((partition) => ({ topic, partition, offset: 5n, generation }))
    assert.equal(await membership.commit(late), false)
    assert.deepEqual(await membership.committed(late), [])
    assert.equal(one.lost, 0)
  })

  it('that was expelled hears of it from its next commit, and joins again', async () => {
    const topic = await newTopic(1)
    const group = randomUUID()
    await using log = await open()
    const one = recording(group, [topic])
    const membership = await log.join(one.options)
    await one.owns(1)
    const first = one.owned.generation
    await expelConsumers(server, group)
    const mark = { topic, partition: 0, offset: 3n }
    assert.equal(await membership.commit([{ ...mark, generation: first }]), false)
    await one.until(() => one.lost === 1 && one.owned.generation > first)
    await one.owns(1)
    assert.deepEqual(await membership.committed([mark]), [])
    assert.equal(await membership.commit([{ ...mark, generation: one.owned.generation }]), true)
  })

  it('gets a topic that comes into being later, and partitions that are added', async () => {
    const topic = `later-${randomUUID()}`
    await using log = await open()
    const one = recording(randomUUID(), [topic])
    await log.join(one.options)
    assert.deepEqual(one.owned.partitions, [])
    await createTopic(server, topic, { partitions: 2 })
    await one.owns(2)
  })

  it('speaks the first version of the request, too', async () => {
    const topic = await newTopic(1)
    await using one = await memberOf(randomUUID(), topic, { consumerGroupHeartbeatV1: undefined })
    await one.owns(1)
  })

  it('commits again where the group has another epoch', async () => {
    const topic = await newTopic(1)
    const { offsetCommitV9 } = await loadKafka<{ offsetCommitV9: { api: Api } }>()
    const sent: number[] = []
    const { version } = offsetCommitV9.api
    const async: Api['async'] = (connection, group, epoch, ...rest) => {
      // The first is sent as if a heartbeat were on its way that changed the epoch.
      const told = Number(epoch) + (sent.length === 0 ? 1 : 0)
      sent.push(told)
      return offsetCommitV9.api.async(connection, group, told, ...rest)
    }
    await using one = await memberOf(randomUUID(), topic, {
      offsetCommitV9: { api: { version, async } },
    })
    await one.owns(1)
    const mark = { topic, partition: 0, offset: 5n }
    const { generation } = one.owned
    assert.equal(await one.membership.commit([{ ...mark, generation }]), true)
    assert.equal(sent.length, 2)
    assert.deepEqual(await one.membership.committed([mark]), [mark])
  })

  it("is told to use 'classic' where the brokers don't know the protocol", async () => {
    await using classic = await startKafka({
      properties: { 'group.coordinator.rebalance.protocols': 'classic' },
    })
    await using log = await open(classic)
    await assert.rejects(log.join(recording('group', ['topic']).options), {
      name: 'BrokerError',
      kind: 'misconfigured',
      message: /UNSUPPORTED_VERSION.*groupProtocol: 'classic'/,
    })
  })
})
