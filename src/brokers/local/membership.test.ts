import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { setImmediate as turn } from 'node:timers/promises'
import type { Clock } from '../../core/clock.ts'
import type { BrokerError } from '../../core/errors.ts'
import type { GroupMembership, JoinOptions, LogClient, TopicPartition } from '../../core/log.ts'
import { local, type LocalBroker } from './index.ts'

const signal = new AbortController().signal

/** A member of group `g` that reads `t`, and what it was told. */
class Member {
  readonly assigned: { partitions: readonly TopicPartition[]; generation: number }[] = []
  readonly lost: (readonly TopicPartition[])[] = []
  readonly away: (string | null)[] = []
  #membership: GroupMembership | null = null
  #client: LogClient | null = null
  #told = Promise.withResolvers<void>()

  static async join(broker: LocalBroker, options: Partial<JoinOptions> = {}): Promise<Member> {
    const member = new Member()
    member.#client = await broker.openLog({ clientId: 'test' })
    member.#membership = await member.#client.join({
      group: 'g',
      topics: ['t'],
      sessionTimeoutMs: 30_000,
      onRevoking: async () => {},
      onAssigned: (partitions, generation) => {
        member.assigned.push({ partitions, generation })
        member.#tell()
      },
      onLost: (partitions) => {
        member.lost.push(partitions)
        member.#tell()
      },
      onAway: (error: BrokerError | null) => {
        member.away.push(error?.kind ?? null)
        member.#tell()
      },
      ...options,
    })
    return member
  }

  get membership(): GroupMembership {
    assert.ok(this.#membership)
    return this.#membership
  }

  async until(isSo: () => boolean): Promise<void> {
    while (!isSo()) await this.#told.promise
  }

  async close(): Promise<void> {
    await this.#client?.close()
  }

  #tell(): void {
    this.#told.resolve()
    this.#told = Promise.withResolvers()
  }
}

/** Time that a test moves: a sleep ends when its time has come or its signal aborts. */
class HeldClock implements Clock {
  #now = 1_000_000
  readonly #sleeping = new Set<() => void>()
  readonly now = (): number => this.#now
  readonly monotonic = (): number => this.#now
  readonly sleep = async (ms: number, ending?: AbortSignal): Promise<void> => {
    const until = this.#now + ms
    const { promise, resolve } = Promise.withResolvers<void>()
    const look = (): void => {
      if (this.#now >= until || ending?.aborted === true) resolve()
    }
    this.#sleeping.add(look)
    ending?.addEventListener('abort', look)
    look()
    await promise
    this.#sleeping.delete(look)
    ending?.removeEventListener('abort', look)
  }

  /** Moves it in steps, each of which the others have the time to notice. */
  async move(ms: number, step: number): Promise<void> {
    for (let moved = 0; moved < ms; moved += step) {
      this.#now += step
      for (const look of this.#sleeping) look()
      for (let turns = 0; turns < 5; turns++) await turn()
    }
  }
}

async function publish(broker: LocalBroker, count: number): Promise<void> {
  const relay = { outbox: 'test', relayId: crypto.randomUUID(), signal, onAway: () => {} }
  const publisher = await broker.openPublisher(relay)
  const records = Array.from({ length: count }, () => ({
    topic: 't',
    key: null,
    value: null,
    headers: [],
  }))
  const result = await publisher.append({ number: 1, ids: [], records }, () => {})
  if (result.state === 'appended') await result.commit()
}

describe('a member of a local group', () => {
  it('joins again after it was expelled, and nobody else is told', async () => {
    const broker = local()
    const [one, two] = [await Member.join(broker), await Member.join(broker)]
    const both = async (): Promise<void> => {
      for (const member of [one, two])
        await member.until(() => member.assigned.at(-1)?.partitions.length === 2)
    }
    await both()
    const [first = ''] = await broker.members('g')
    await broker.expel('g', first)
    await one.until(() => one.lost.length === 1)
    const { generation } = one.assigned.at(-1) ?? { generation: 0 }
    await one.until(() => (one.assigned.at(-1)?.generation ?? 0) > generation)
    await both()
    assert.equal(two.lost.length, 0)
    const ids = await broker.members('g')
    assert.equal(ids.length, 2)
    assert.ok(!ids.includes(first))
    await Promise.all([one.close(), two.close()])
  })

  it('is asked once more, and keeps its partitions, when the group is told to rebalance', async () => {
    const broker = local()
    let asked = 0
    const member = await Member.join(broker, {
      onRevoking: (partitions) => {
        asked += partitions.length
        return Promise.resolve()
      },
    })
    await member.until(() => member.assigned.length === 1)
    await broker.rebalance('g')
    await member.until(() => member.assigned.length === 2)
    assert.equal(asked, 4)
    assert.equal(member.assigned[1]?.partitions.length, 4)
    await member.close()
    await broker.rebalance('g')
  })

  it('is expelled when it does not let go in time, after it was told to hurry', async () => {
    const clock = new HeldClock()
    const broker = local({ clock })
    const never = Promise.withResolvers<void>()
    const hurried = Promise.withResolvers<void>()
    const one = await Member.join(broker, {
      sessionTimeoutMs: 10_000,
      onRevoking: async (_, hurry) => {
        hurry.addEventListener('abort', () => hurried.resolve())
        await never.promise
      },
    })
    await one.until(() => one.assigned.length === 1)
    const two = await Member.join(broker, { sessionTimeoutMs: 10_000 })
    await clock.move(8_000, 500)
    assert.equal(one.lost.length, 0)
    assert.equal(two.assigned.length, 0)
    await clock.move(5_000, 500)
    await hurried.promise
    await two.until(() => two.assigned.at(-1)?.partitions.length === 4)
    assert.equal(one.lost.length, 1)
    const marks = [{ topic: 't', partition: 0, offset: 1n, generation: 1 }]
    assert.equal(await one.membership.commit(marks), false)
    never.resolve()
    await one.until(() => one.assigned.length === 2)
    await Promise.all([one.close(), two.close()])
  })

  it('stays a member as long as it beats, however long its events take', async () => {
    const clock = new HeldClock()
    const broker = local({ clock })
    const one = await Member.join(broker, { sessionTimeoutMs: 1_000 })
    const two = await Member.join(broker, { sessionTimeoutMs: 1_000 })
    await one.until(() => one.assigned.at(-1)?.partitions.length === 2)
    await clock.move(20_000, 100)
    assert.deepEqual([one.lost, two.lost], [[], []])
    await Promise.all([one.close(), two.close()])
  })

  it('is not expelled because the whole process stood still', async () => {
    const clock = new HeldClock()
    const broker = local({ clock })
    const members = [await Member.join(broker), await Member.join(broker)]
    await members[0]?.until(() => members[0]?.assigned.at(-1)?.partitions.length === 2)
    await clock.move(3_600_000, 3_600_000)
    await clock.move(60_000, 1_000)
    for (const member of members) assert.deepEqual(member.lost, [])
    await Promise.all(members.map(async (member) => member.close()))
  })

  it('is told when the broker is away and when it is back, and is a member still', async () => {
    const broker = local()
    const member = await Member.join(broker)
    await member.until(() => member.assigned.length === 1)
    broker.away()
    await member.until(() => member.away.length === 1)
    const marks = [{ topic: 't', partition: 0, offset: 0n, generation: 1 }]
    await assert.rejects(member.membership.commit(marks))
    await assert.rejects(member.membership.committed([]))
    broker.away(false)
    await member.until(() => member.away.length === 2)
    assert.deepEqual(member.away, ['away', null])
    assert.equal(await member.membership.commit(marks), true)
    assert.deepEqual(member.lost, [])
    await member.close()
  })

  it('lets the broker be idle when all that its topics hold is committed', async () => {
    const broker = local({ partitions: 1 })
    await broker.idle()
    const member = await Member.join(broker)
    await member.until(() => member.assigned.length === 1)
    await publish(broker, 3)
    let isIdle = false
    const idle = broker.idle().then(() => {
      isIdle = true
    })
    const { generation } = member.assigned[0] ?? { generation: 0 }
    const at = { topic: 't', partition: 0, generation }
    await member.membership.commit([{ ...at, offset: 2n }])
    for (let turns = 0; turns < 20; turns++) await turn()
    assert.equal(isIdle, false)
    await member.membership.commit([{ ...at, offset: 3n }])
    await idle
    await member.close()
  })

  it('goes on when the reader throws while it is asked to let go', async () => {
    const broker = local()
    const one = await Member.join(broker, {
      onRevoking: () => Promise.reject(new Error("the reader's own")),
    })
    await one.until(() => one.assigned.length === 1)
    const two = await Member.join(broker)
    await two.until(() => two.assigned.at(-1)?.partitions.length === 2)
    assert.deepEqual(one.lost, [])
    await Promise.all([one.close(), two.close()])
  })

  it('joins one group with one client', async () => {
    const broker = local()
    const client = await broker.openLog({ clientId: 'test' })
    const options: JoinOptions = {
      group: 'g',
      topics: ['t'],
      sessionTimeoutMs: 30_000,
      onAssigned: () => {},
      onRevoking: async () => {},
      onLost: () => {},
      onAway: () => {},
    }
    await client.join(options)
    await assert.rejects(client.join(options), /a member of a group already/)
    await client.close()
    await client.close()
    assert.deepEqual(await broker.members('g'), [])
  })
})
