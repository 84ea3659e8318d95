import assert from 'node:assert/strict'
import { setImmediate as turn } from 'node:timers/promises'
import type { LogRecord } from '../../core/codec.ts'
import type { Mark, TopicPartition } from '../../core/log.ts'
import type { ContractCase } from '../contract-case.ts'
import { GroupReader, Observed, type ReaderOptions } from './group-reader.ts'
import { type BrokerHarness, freshName, freshTopic, publish, recordOf, Sender } from './harness.ts'

type Handled = readonly [partition: number, offset: bigint]

class Case {
  readonly observed: Observed = new Observed()
  readonly group: string
  readonly handled: Handled[] = []
  readonly #harness: BrokerHarness

  constructor(harness: BrokerHarness, group: string = freshName('group')) {
    this.#harness = harness
    this.group = group
  }

  async join(
    topics: readonly string[],
    more: Partial<Pick<ReaderOptions, 'handle' | 'onRevoking' | 'broker'>> = {},
  ): Promise<GroupReader> {
    const { broker, sessionTimeoutMs } = this.#harness
    const { group, observed } = this
    return GroupReader.join({ broker, group, topics, sessionTimeoutMs, observed, ...more })
  }

  /** Handles by noting it, after other work had its turn. */
  readonly note = async (
    { partition }: TopicPartition,
    { offset }: Pick<LogRecord, 'offset'>,
  ): Promise<void> => {
    await turn()
    this.handled.push([partition, offset])
  }

  async untilHandled(count: number): Promise<void> {
    await this.observed.until(() => this.handled.length >= count, `${count} are handled`)
  }
}

function marksOf(
  partitions: readonly TopicPartition[],
  offset: bigint,
  generation: number,
): readonly Mark[] {
  return partitions.map(({ topic, partition }) => ({ topic, partition, offset, generation }))
}

function namesOf(partitions: readonly TopicPartition[]): readonly string[] {
  return partitions.map(({ topic, partition }) => `${topic}/${partition}`).toSorted()
}

function keyed(topic: string, count: number, from = 0): ReturnType<typeof recordOf>[] {
  return Array.from({ length: count }, (_, index) =>
    recordOf(topic, `${from + index}`, { key: Buffer.from(`${from + index}`) }),
  )
}

function assertOnceInOrder(handled: readonly Handled[], count: number): void {
  assert.equal(new Set(handled.map((one) => one.join('/'))).size, count, 'each is handled')
  assert.equal(handled.length, count, 'none is handled twice')
  const last = new Map<number, bigint>()
  for (const [partition, offset] of handled) {
    assert.ok(offset > (last.get(partition) ?? -1n), 'none comes back')
    last.set(partition, offset)
  }
}

const onlyAwaited = ({ broker }: BrokerHarness): string | null =>
  broker.capabilities.awaitsRevocation ? null : 'it does not wait for a member'

/** What a membership promises. */
export const groupCases: readonly ContractCase<BrokerHarness>[] = [
  {
    title: 'gives the only member all partitions, and keeps what it commits',
    run: async (harness) => {
      const topic = await freshTopic(harness, 3)
      const group = new Case(harness)
      const member = await group.join([topic])
      const { partitions, generation } = await member.holds(3)
      const membership = await member.membership
      assert.deepEqual(await membership.committed(partitions), [])
      await publish(harness.broker, keyed(topic, 30))
      const marks = marksOf(
        partitions.filter(({ partition }) => partition > 0),
        2n,
        generation,
      )
      assert.equal(await membership.commit(marks), true)
      assert.equal(await membership.commit([]), true)
      const committed = await membership.committed(partitions)
      assert.deepEqual(
        committed
          .map(({ partition, offset }) => [partition, offset])
          .toSorted((a, b) => Number(a[0]) - Number(b[0])),
        [
          [1, 2n],
          [2, 2n],
        ],
      )
      await member.leave()
    },
  },
  {
    title: 'goes on at the mark when a member leaves and another comes',
    run: async (harness) => {
      const topic = await freshTopic(harness, 2)
      const group = new Case(harness)
      await publish(harness.broker, keyed(topic, 20))
      const first = await group.join([topic], { handle: group.note })
      await group.untilHandled(20)
      await first.leave()
      await publish(harness.broker, keyed(topic, 20, 20))
      const second = await group.join([topic], { handle: group.note, broker: harness.other })
      await group.untilHandled(40)
      await second.leave()
      assertOnceInOrder(group.handled, 40)
    },
  },
  {
    title: 'shares the partitions among the members, each with one owner',
    run: async (harness) => {
      const topic = await freshTopic(harness, 4)
      const group = new Case(harness)
      const one = await group.join([topic])
      await one.holds(4)
      const two = await group.join([topic], { broker: harness.other })
      const [ofOne, ofTwo] = await Promise.all([one.holds(2), two.holds(2)])
      assert.equal(ofOne.generation, ofTwo.generation)
      assert.deepEqual(
        namesOf([...ofOne.partitions, ...ofTwo.partitions]),
        [0, 1, 2, 3].map((partition) => `${topic}/${partition}`),
      )
      await one.leave()
      await two.holds(4)
      await two.leave()
    },
  },
  {
    title: 'gives members with different topics each its own',
    run: async (harness) => {
      const [a, b] = [await freshTopic(harness, 2), await freshTopic(harness, 2)]
      const group = new Case(harness)
      const one = await group.join([a])
      const two = await group.join([b], { broker: harness.other })
      const both = (): boolean => [one, two].every((member) => member.held?.partitions.length === 2)
      await group.observed.until(both, 'both have two partitions')
      assert.deepEqual(namesOf(one.held?.partitions ?? []), [`${a}/0`, `${a}/1`])
      assert.deepEqual(namesOf(two.held?.partitions ?? []), [`${b}/0`, `${b}/1`])
      await Promise.all([one.leave(), two.leave()])
    },
  },
  {
    title: 'moves nothing for a member that does not own the partition',
    run: async (harness) => {
      const topic = await freshTopic(harness, 2)
      await publish(harness.broker, keyed(topic, 20))
      const group = new Case(harness)
      const [one, two] = [await group.join([topic]), await group.join([topic])]
      const [ofOne, ofTwo] = await Promise.all([one.holds(1), two.holds(1)])
      const { generation } = ofOne
      const marks = marksOf([...ofOne.partitions, ...ofTwo.partitions], 1n, generation)
      const membership = await one.membership
      assert.equal(await membership.commit(marks), false)
      assert.equal(await membership.commit(marks.slice(1)), false)
      assert.deepEqual(await membership.committed(ofTwo.partitions), [])
      await Promise.all([one.leave(), two.leave()])
    },
  },
  {
    title: 'moves nothing for a mark of an older generation',
    run: async (harness) => {
      const topic = await freshTopic(harness, 2)
      await publish(harness.broker, keyed(topic, 20))
      const group = new Case(harness)
      const one = await group.join([topic])
      const old = await one.holds(2)
      const two = await group.join([topic])
      await Promise.all([one.holds(1), two.holds(1)])
      const membership = await one.membership
      const marks = marksOf(old.partitions, 1n, old.generation)
      assert.equal(await membership.commit(marks), false)
      assert.deepEqual(await membership.committed(old.partitions), [])
      await Promise.all([one.leave(), two.leave()])
    },
  },
  {
    title: 'takes nothing from a member that has left',
    run: async (harness) => {
      const topic = await freshTopic(harness, 1)
      await publish(harness.broker, keyed(topic, 5))
      const group = new Case(harness)
      const one = await group.join([topic])
      const { partitions, generation } = await one.holds(1)
      const left = await one.membership
      await left.leave()
      await left.leave()
      await left.commit(marksOf(partitions, 3n, generation)).then(
        (all) => assert.equal(all, false),
        () => {},
      )
      const two = await group.join([topic])
      await two.holds(1)
      assert.deepEqual(await (await two.membership).committed(partitions), [])
      await Promise.all([one.leave(), two.leave()])
    },
  },
  {
    title: 'keeps groups apart',
    run: async (harness) => {
      const topic = await freshTopic(harness, 2)
      await publish(harness.broker, keyed(topic, 20))
      const groups = [new Case(harness), new Case(harness)]
      const members = await Promise.all(
        groups.map(async (group) => group.join([topic], { handle: group.note })),
      )
      await Promise.all(groups.map(async (group) => group.untilHandled(20)))
      await Promise.all(members.map(async (member) => member.leave()))
      for (const group of groups) assertOnceInOrder(group.handled, 20)
    },
  },
  {
    title:
      'waits for a member before its partitions go to another, and takes its commits meanwhile',
    unless: onlyAwaited,
    run: async (harness) => {
      const topic = await freshTopic(harness, 2)
      await publish(harness.broker, keyed(topic, 20))
      const group = new Case(harness)
      const asked = Promise.withResolvers<void>()
      const letGo = Promise.withResolvers<void>()
      const one = await group.join([topic], {
        onRevoking: async () => {
          asked.resolve()
          await letGo.promise
        },
      })
      const { partitions, generation } = await one.holds(2)
      const joining = group.join([topic], { broker: harness.other })
      await asked.promise
      const membership = await one.membership
      const marks = marksOf(partitions, 1n, generation)
      assert.equal(await membership.commit(marks), true)
      assert.equal(one.assignments, 1)
      letGo.resolve()
      const two = await joining
      const { partitions: ofTwo } = await two.holds(1)
      const seen = await (await two.membership).committed(ofTwo)
      assert.deepEqual(
        seen.map(({ offset }) => offset),
        [1n],
      )
      await Promise.all([one.leave(), two.leave()])
    },
  },
  {
    title: 'hands each record to one member, once and in order, while members come and go',
    unless: onlyAwaited,
    run: async (harness) => {
      const topic = await freshTopic(harness, 4)
      const group = new Case(harness)
      await using sender = await Sender.open(harness.broker)
      let sent = 0
      const more = async (): Promise<void> => {
        await sender.publish(keyed(topic, 100, sent))
        sent += 100
      }
      const members: GroupReader[] = []
      const join = async (): Promise<void> => {
        const broker = members.length % 2 === 0 ? harness.broker : harness.other
        members.push(await group.join([topic], { handle: group.note, broker }))
      }
      const leave = async (): Promise<void> => members.shift()?.leave()
      for (const change of [join, join, join, leave, join, leave, join, leave]) {
        const changing = change()
        await more()
        await changing
        await more()
        await group.untilHandled(sent - 150)
      }
      await group.untilHandled(sent)
      for (const member of members) await member.leave()
      assertOnceInOrder(group.handled, sent)
    },
  },
  {
    title: 'tells a member that was expelled, which joins again',
    unless: (harness) => (harness.expel === undefined ? 'the harness can not expel' : null),
    run: async (harness) => {
      const topic = await freshTopic(harness, 2)
      await publish(harness.broker, keyed(topic, 20))
      const group = new Case(harness)
      const one = await group.join([topic])
      const { partitions, generation } = await one.holds(2)
      await harness.expel?.(group.group)
      await group.observed.until(() => one.losses === 1, 'it is told')
      await group.observed.until(() => one.assignments === 2, 'it is a member again')
      const membership = await one.membership
      const marks = marksOf(partitions, 9n, generation)
      assert.equal(await membership.commit(marks), false)
      assert.deepEqual(await membership.committed(partitions), [])
      await one.leave()
    },
  },
]
