import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { before, describe, it } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { Admin } from '@platformatic/kafka'
import type { BrokerError } from '../../src/core/errors.ts'
import type { JoinOptions, TopicPartition } from '../../src/core/log.ts'
import { type Address, createTopic, sharedKafka } from '../servers/index.ts'
import { type MemberOptions, Members } from './kafka-log/members.ts'
import { openLog, produce } from './kafka-log/reading.ts'

let server: Address
before(async () => {
  server = await sharedKafka()
})

async function newTopic(partitions: number): Promise<string> {
  const topic = `group-${randomUUID()}`
  await createTopic(server, topic, { partitions })
  return topic
}

/** Sends `count` records to each of a topic's partitions. */
async function fill(topic: string, partitions: number, count: number): Promise<void> {
  await produce(
    server,
    Array.from({ length: partitions * count }, (_, i) => ({
      topic,
      partition: i % partitions,
      value: Buffer.from(`${i}`),
    })),
  )
}

function member(group: string, topics: readonly string[], more: Partial<MemberOptions> = {}) {
  return { address: server.address, group, topics, sessionTimeoutMs: 6_000, handleMs: 0, ...more }
}

/** A member within this process. */
function recording(group: string, topics: readonly string[]) {
  const assigned: { partitions: readonly TopicPartition[]; generation: number }[] = []
  const lost: (readonly TopicPartition[])[] = []
  const away: (BrokerError | null)[] = []
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
    onLost(partitions) {
      lost.push(partitions)
      hear()
    },
    onAway: (error) => void away.push(error),
  }
  const until = async (isTrue: () => boolean): Promise<void> => {
    while (!isTrue()) await heard.promise
  }
  return { assigned, lost, away, options, until }
}

describe('a member', () => {
  it('gets all partitions, commits, and finds its marks again', async () => {
    const topic = await newTopic(3)
    const group = randomUUID()
    await using log = await openLog(server)
    const { assigned, options } = recording(group, [topic])
    const membership = await log.join(options)
    const [{ partitions, generation } = { partitions: [], generation: 0 }] = assigned
    assert.equal(partitions.length, 3)
    assert.deepEqual(await membership.committed(partitions), [])
    const mark = { topic, partition: 1, offset: 7n }
    assert.equal(await membership.commit([{ ...mark, generation }]), true)
    assert.deepEqual(await membership.committed(partitions), [mark])
  })

  it('commits only what it owns, in the generation in which it owns it', async () => {
    const topic = await newTopic(2)
    const group = randomUUID()
    await using log = await openLog(server)
    await using otherLog = await openLog(server)
    const one = recording(group, [topic])
    const membership = await log.join(one.options)
    const generation = one.assigned[0]?.generation ?? 0
    const both = [0, 1].map((partition) => ({ topic, partition }))
    const marks = both.map((at) => ({ ...at, offset: 50n, generation }))
    assert.equal(await membership.commit(marks), true)

    const other = recording(group, [topic])
    const otherMembership = await otherLog.join(other.options)
    await one.until(() => one.assigned.length === 2)
    const late = both.map((at) => ({ ...at, offset: 7n, generation }))
    assert.equal(await membership.commit(late), false)
    const now = one.assigned[1]?.generation ?? 0
    assert.equal(
      await membership.commit(both.map((at) => ({ ...at, offset: 60n, generation: now }))),
      false,
    )
    const mine = one.assigned[1]?.partitions[0]?.partition
    const committed = await otherMembership.committed(both)
    assert.deepEqual(
      committed.map((at) => at.offset),
      both.map((at) => (at.partition === mine ? 60n : 50n)),
    )
  })

  it('gets the partitions of its own topics when members read different ones', async () => {
    const [left, right] = [await newTopic(4), await newTopic(4)]
    const group = randomUUID()
    await using members = new Members()
    await fill(left, 4, 25)
    await fill(right, 4, 25)
    members.start('left', member(group, [left]))
    await members.untilOwned(4, ['left'])
    members.start('right', member(group, [right]))
    await members.untilOwned(8, ['left', 'right'])
    await members.until('all handled', () => members.faults().handled === 200)
    for (const [name, topic] of [
      ['left', left],
      ['right', right],
    ]) {
      assert.ok(members.owned(name ?? '').every((one) => one.topic === topic))
      assert.ok(
        members.told.every(
          (one) => one.event !== 'handled' || one.member !== name || one.topic === topic,
        ),
      )
    }
    assert.deepEqual(members.faults(), { handled: 200, twice: [], backwards: [], failed: [] })
  })

  it('gets a topic that comes into being later', async () => {
    const topic = `later-${randomUUID()}`
    await using log = await openLog(server)
    const { assigned, options, until } = recording(randomUUID(), [topic])
    await log.join(options)
    assert.deepEqual(assigned[0]?.partitions, [])
    await createTopic(server, topic, { partitions: 2 })
    await until(() => assigned.length > 1)
    assert.equal(assigned.at(-1)?.partitions.length, 2)
  })

  it('is refused where it asks for what the broker never gives', async () => {
    const topic = await newTopic(1)
    await using log = await openLog(server)
    const { options } = recording(randomUUID(), [topic])
    await assert.rejects(log.join({ ...options, sessionTimeoutMs: 10 }), {
      name: 'BrokerError',
      kind: 'misconfigured',
      message: /INVALID_SESSION_TIMEOUT.*group\.min\.session\.timeout\.ms/,
    })
  })

  it('is waited for while it finishes what is in hand, longer than a heartbeat', async () => {
    const topic = await newTopic(2)
    const group = randomUUID()
    await using log = await openLog(server)
    await using otherLog = await openLog(server)
    const one = recording(group, [topic])
    const steps: string[] = []
    await log.join({
      ...one.options,
      onRevoking: async () => {
        steps.push('draining')
        await sleep(2_500)
        steps.push('drained')
      },
    })
    const other = recording(group, [topic])
    await otherLog.join({
      ...other.options,
      onAssigned: () => void steps.push('other assigned'),
    })
    assert.deepEqual(steps, ['draining', 'drained', 'other assigned'])
    assert.deepEqual(one.lost, [])
  })

  it('is told when its time to finish is up, and the group goes on without waiting for more', async () => {
    const topic = await newTopic(2)
    const group = randomUUID()
    await using log = await openLog(server)
    await using otherLog = await openLog(server)
    const one = recording(group, [topic])
    const told = Promise.withResolvers<void>()
    const never = Promise.withResolvers<void>()
    await log.join({
      ...one.options,
      onRevoking: async (_, signal) => {
        signal.addEventListener('abort', () => told.resolve())
        await never.promise
      },
    })
    const began = performance.now()
    await otherLog.join(recording(group, [topic]).options)
    await told.promise
    assert.ok(performance.now() - began < 6_500)
    await one.until(() => one.assigned.length === 2)
    assert.deepEqual(one.lost, [])
  })
})

describe('a member that goes', () => {
  it('while it waits to join goes at once, and holds nobody up', async () => {
    const topic = await newTopic(2)
    const group = randomUUID()
    await using log = await openLog(server)
    const otherLog = await openLog(server)
    const one = recording(group, [topic])
    const asked = Promise.withResolvers<void>()
    const gone = Promise.withResolvers<void>()
    await log.join({
      ...one.options,
      onRevoking: async () => {
        asked.resolve()
        await gone.promise
      },
    })
    const joining = otherLog.join(recording(group, [topic]).options)
    const refused = assert.rejects(joining, { code: 'ONCOMMIT_STOPPED' })
    await asked.promise
    const began = performance.now()
    await otherLog.close()
    await refused
    assert.ok(performance.now() - began < 2_000)
    gone.resolve()
    await one.until(() => one.assigned.length === 2)
    assert.equal(one.assigned[1]?.partitions.length, 2)
  })

  it('by leaving gives its partitions to the next without waiting for the session', async () => {
    const topic = await newTopic(4)
    const group = randomUUID()
    await using members = new Members()
    await fill(topic, 4, 50)
    members.start('first', member(group, [topic], { sessionTimeoutMs: 30_000 }))
    await members.untilOwned(4, ['first'])
    await members.until('some handled', () => members.faults().handled >= 10)
    await members.leave('first')
    const left = performance.now()
    members.start('next', member(group, [topic], { sessionTimeoutMs: 30_000 }))
    await members.untilOwned(4, ['next'])
    assert.ok(performance.now() - left < 5_000)
    await members.until('all handled', () => members.faults().handled === 200)
    assert.deepEqual(members.faults(), { handled: 200, twice: [], backwards: [], failed: [] })
  })

  it('by SIGKILL is replaced after the session, and at most its uncommitted records come again', async () => {
    const topic = await newTopic(4)
    const group = randomUUID()
    await using members = new Members()
    members.start('killed', member(group, [topic], { handleMs: 2 }))
    await members.untilOwned(4, ['killed'])
    members.start('other', member(group, [topic], { handleMs: 2 }))
    await members.untilOwned(4, ['killed', 'other'])
    await fill(topic, 4, 500)
    await members.until('some handled', () => members.faults().handled >= 500)
    members.signal('killed', 'SIGKILL')
    await members.untilOwned(4, ['other'])
    await members.until('all handled', () => members.faults().handled === 2_000)
    const { twice, failed } = members.faults()
    assert.deepEqual(failed, [])
    assert.ok(twice.length <= 10, `${twice.length} twice: ${twice.join(', ')}`)
  })

  it('by SIGSTOP is replaced, and its late commits move nothing', async () => {
    const topic = await newTopic(1)
    const group = randomUUID()
    await using members = new Members()
    await fill(topic, 1, 20)
    members.start('frozen', member(group, [topic], { gated: true }))
    for (let i = 0; i < 5; i++) members.write('frozen', 'go')
    await members.until('five committed and the sixth in hand', (told) =>
      [
        told.some((one) => one.event === 'inHand' && one.offset === 5),
        told.some((one) => one.event === 'committed' && one.offsets.includes(5)),
      ].every(Boolean),
    )
    members.signal('frozen', 'SIGSTOP')
    members.start('heir', member(group, [topic]))
    await members.until('all handled by the heir', (told) =>
      told.some((one) => one.event === 'handled' && one.member === 'heir' && one.offset === 19),
    )
    members.write('frozen', 'go')
    members.signal('frozen', 'SIGCONT')
    await members.until('the frozen one commits in vain, and hears that it was expelled', (told) =>
      ['committed', 'lost'].every((event) =>
        told.some(
          (one) =>
            one.member === 'frozen' &&
            one.event === event &&
            !(one.event === 'committed' && one.taken),
        ),
      ),
    )
    members.signal('frozen', 'SIGKILL')
    await members.leave('heir')
    assert.equal(await committedOffset(group, topic), 20n)
    assert.deepEqual(members.faults().twice, [`${topic}:0:5 by frozen`])
  })

  it('by expulsion hears of it from its next commit, and joins again', async () => {
    const topic = await newTopic(1)
    const group = randomUUID()
    await using log = await openLog(server)
    const one = recording(group, [topic])
    const membership = await log.join(one.options)
    const first = one.assigned[0]?.generation ?? 0
    await expelAll(group)
    const mark = { topic, partition: 0, offset: 3n }
    assert.equal(await membership.commit([{ ...mark, generation: first }]), false)
    await one.until(() => one.assigned.length === 2)
    assert.equal(one.lost.length, 1)
    const second = one.assigned[1]?.generation ?? 0
    assert.ok(second > first)
    assert.equal(await membership.commit([{ ...mark, generation: first }]), false)
    assert.deepEqual(await membership.committed([{ topic, partition: 0 }]), [])
    assert.equal(await membership.commit([{ ...mark, generation: second }]), true)
  })
})

/** What the group has committed, asked without a member of it. */
async function committedOffset(group: string, topic: string): Promise<bigint | undefined> {
  const admin = new Admin({ clientId: 'test', bootstrapBrokers: [server.address] })
  try {
    const [found] = await admin.listConsumerGroupOffsets({ groups: [{ groupId: group }] })
    return found?.topics.find((one) => one.name === topic)?.partitions[0]?.committedOffset
  } finally {
    await admin.close()
  }
}

async function expelAll(group: string): Promise<void> {
  const admin = new Admin({ clientId: 'test', bootstrapBrokers: [server.address] })
  try {
    const groups = await admin.describeGroups({ groups: [group] })
    const members = [...(groups.get(group)?.members.keys() ?? [])]
    await admin.removeMembersFromConsumerGroup({
      groupId: group,
      members: members.map((memberId) => ({ memberId, reason: 'test' })),
    })
  } finally {
    await admin.close()
  }
}
