import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { BrokerError } from '../../core/errors.ts'
import type { WireRecord } from '../../core/codec.ts'
import type { TopicRecord } from '../../core/broker.ts'
import type { ContractCase } from '../contract-case.ts'
import {
  type BrokerHarness,
  freshName,
  freshTopic,
  publish,
  readTexts,
  readTopic,
  recordOf,
  refusedRecord,
  Sender,
} from './harness.ts'

const onlyExactlyOnce = ({ broker }: BrokerHarness): string | null =>
  broker.capabilities.guarantee === 'exactly-once' ? null : 'it has no transactions'

async function unknownTopic(harness: BrokerHarness): Promise<string> {
  return (await harness.unknownTopic()) ?? '..'
}

/** Byte for byte, and short where a failure would print 900 KiB. */
function shown({ key, value, headers }: WireRecord): unknown {
  return {
    key: bytesOf(key),
    value: bytesOf(value),
    headers: headers.map(([name, of]) => [name, bytesOf(of)]),
  }
}

function bytesOf(some: Buffer | null): string | null {
  if (some === null || some.length < 300) return some?.toString('hex') ?? null
  return `${some.length} bytes, ${createHash('sha256').update(some).digest('hex')}`
}

/** What a publisher promises. */
export const publishingCases: readonly ContractCase<BrokerHarness>[] = [
  {
    title: 'publishes in order per key and says where each run of records begins',
    run: async (harness) => {
      const topic = await freshTopic(harness, 3)
      const sent = Array.from({ length: 60 }, (_, index) =>
        recordOf(topic, `${index}`, { key: Buffer.from(`key-${index % 7}`) }),
      )
      await using sender = await Sender.open(harness.broker)
      const acks = [
        ...(await sender.publish(sent.slice(0, 30))),
        ...(await sender.publish(sent.slice(30))),
      ]
      const read = await readTopic(harness.broker, topic, sent.length)
      for (let key = 0; key < 7; key++) {
        const having = [...read.values()]
          .map((records) => records.filter((record) => String(record.key) === `key-${key}`))
          .filter((records) => records.length > 0)
        assert.equal(having.length, 1, 'a key has one partition')
        assert.deepEqual(
          having[0]?.map((record) => Number(String(record.value))),
          [...sent.keys()].filter((index) => index % 7 === key),
        )
      }
      for (const [ackTopic, partition, baseOffset] of acks) {
        assert.equal(ackTopic, topic)
        const offsets = read.get(partition)?.map((record) => record.offset)
        assert.ok(offsets?.includes(BigInt(baseOffset)), `${partition} has offset ${baseOffset}`)
      }
      for (const [partition, records] of read)
        assert.ok(acks.some((ack) => ack[1] === partition && BigInt(ack[2]) === records[0]?.offset))
    },
  },
  {
    title: 'publishes batches of one publisher in their order, while the one before commits',
    run: async (harness) => {
      const topic = await freshTopic(harness)
      await using sender = await Sender.open(harness.broker)
      let committing: Promise<void> = Promise.resolve()
      for (let number = 0; number < 8; number++) {
        const appended = await sender.publisher.append(
          sender.batch([recordOf(topic, `${number}`)]),
          () => {},
        )
        await committing
        assert.equal(appended.state, 'appended')
        if (appended.state === 'appended') committing = appended.commit()
      }
      await committing
      assert.deepEqual(await readTexts(harness.broker, topic, 8), '01234567'.split(''))
    },
  },
  {
    title: 'shows nothing of a batch before its commit, and all of it after',
    unless: onlyExactlyOnce,
    run: async (harness) => {
      const topic = await freshTopic(harness, 2)
      await using sender = await Sender.open(harness.broker)
      const records = ['a', 'b', 'c', 'd'].map((key) =>
        recordOf(topic, key, { key: Buffer.from(key) }),
      )
      const appended = await sender.publisher.append(sender.batch(records), () => {})
      assert.equal(appended.state, 'appended')
      assert.deepEqual(await readTexts(harness.other, topic, 0), [])
      if (appended.state === 'appended') await appended.commit()
      assert.deepEqual((await readTexts(harness.other, topic, 4)).toSorted(), ['a', 'b', 'c', 'd'])
    },
  },
  {
    title: 'leaves nothing of a batch that was taken back, and goes on',
    unless: onlyExactlyOnce,
    run: async (harness) => {
      const topic = await freshTopic(harness)
      await using sender = await Sender.open(harness.broker)
      const appended = await sender.publisher.append(
        sender.batch([recordOf(topic, 'back')]),
        () => {},
      )
      if (appended.state === 'appended') await appended.abort()
      await sender.publish([recordOf(topic, 'kept')])
      assert.deepEqual(await readTexts(harness.broker, topic, 1), ['kept'])
    },
  },
  {
    title: 'writes nothing where the last question before sending throws, and stays usable',
    run: async (harness) => {
      const topic = await freshTopic(harness)
      await using sender = await Sender.open(harness.broker)
      const doubt = new Error('not mine any more')
      await assert.rejects(
        sender.publisher.append(sender.batch([recordOf(topic, 'no')]), () => {
          throw doubt
        }),
        (error) => error === doubt,
      )
      await sender.publish([recordOf(topic, 'yes')])
      assert.deepEqual(await readTexts(harness.broker, topic, 1), ['yes'])
    },
  },
  {
    title: 'publishes all records without a key',
    run: async (harness) => {
      const topic = await freshTopic(harness, 3)
      const texts = Array.from({ length: 50 }, (_, index) => `${index}`)
      await publish(
        harness.broker,
        texts.map((text) => recordOf(topic, text, { key: null })),
      )
      assert.deepEqual(
        (await readTexts(harness.broker, topic, 50)).toSorted((a, b) => Number(a) - Number(b)),
        texts,
      )
    },
  },
  {
    title: 'keeps key, value and headers byte for byte, and null apart from empty',
    run: async (harness) => {
      const topic = await freshTopic(harness)
      const bytes = Buffer.from(Array.from({ length: 256 }, (_, index) => index))
      const key = Buffer.from('same')
      const sent: readonly TopicRecord[] = [
        recordOf(topic, '', { key, value: null }),
        recordOf(topic, '', { key, value: Buffer.alloc(0) }),
        recordOf(topic, '', { key: bytes, value: bytes, headers: [['bytes', bytes]] }),
        recordOf(topic, '', { key: Buffer.alloc(0) }),
        recordOf(topic, '', { key: null }),
        recordOf(topic, 'h', {
          key,
          headers: [
            ['b', Buffer.from('1')],
            ['a', Buffer.alloc(0)],
            ['b', Buffer.from('2')],
            ['é', Buffer.from([0xff])],
            ['', Buffer.from('nameless')],
          ],
        }),
        recordOf(topic, '', { key, value: Buffer.alloc(900 * 1024, 0xa5) }),
      ]
      await publish(harness.broker, sent)
      const [records = []] = (await readTopic(harness.broker, topic, sent.length)).values()
      assert.deepEqual(records.map(shown), sent.map(shown))
    },
  },
  {
    title: 'refuses a record that it can not take, and takes the others without it',
    run: async (harness) => {
      const topic = await freshTopic(harness)
      await using sender = await Sender.open(harness.broker)
      let left = [recordOf(topic, '0'), refusedRecord(harness, topic), recordOf(topic, '2')]
      const bad = left[1]
      // As a relay does: what was written is done, what was refused with others is tried in halves.
      for (let tries = 0; left.length > 0 && tries < 10; tries++) {
        const half = left.slice(0, tries === 0 ? left.length : 1)
        const result = await sender.publisher.append(sender.batch(half), () => {})
        if (result.state === 'appended') {
          await result.commit()
          left = left.slice(half.length)
          continue
        }
        const [refusal] = result.refusals
        assert.equal(refusal?.error.kind, 'event-refused')
        const refused = result.refusals.flatMap((one) => one.indexes.map((index) => half[index]))
        assert.ok(refused.includes(bad))
        const done = new Set(result.written.map((index) => half[index]))
        if (half.length === 1 && bad !== undefined) done.add(bad)
        left = left.filter((record) => !done.has(record))
      }
      assert.deepEqual(await readTexts(harness.broker, topic, 2), ['0', '2'])
    },
  },
  {
    title: 'says which topic is unavailable, and publishes to the others',
    run: async (harness) => {
      const unknown = await unknownTopic(harness)
      const topic = await freshTopic(harness)
      await using sender = await Sender.open(harness.broker)
      const result = await sender.publisher.append(
        sender.batch([recordOf(topic, '0'), recordOf(unknown, '1'), recordOf(unknown, '2')]),
        () => {},
      )
      assert.equal(result.state, 'refused')
      if (result.state !== 'refused') return
      const refusal = result.refusals.find((one) => one.error.kind === 'topic-unavailable')
      assert.equal(refusal?.error.topic, unknown)
      for (const index of refusal?.indexes ?? []) assert.ok(index > 0)
      if (!result.written.includes(0)) await sender.publish([recordOf(topic, '0')])
      assert.deepEqual(await readTexts(harness.broker, topic, 1), ['0'])
    },
  },
  {
    title: 'says whether a topic can be written to',
    run: async (harness) => {
      const signal = AbortSignal.timeout(30_000)
      await harness.broker.probe(await freshTopic(harness), signal)
      const unknown = await unknownTopic(harness)
      await assert.rejects(
        harness.broker.probe(unknown, signal),
        (error) =>
          error instanceof BrokerError &&
          error.kind === 'topic-unavailable' &&
          error.topic === unknown,
      )
    },
  },
  {
    title: 'knows which names a topic can not have',
    run: async ({ broker }) => {
      assert.equal(broker.topicProblem(freshName('topic')), null)
      assert.equal(typeof broker.topicProblem(''), 'string')
      return Promise.resolve()
    },
  },
  {
    title: 'takes nothing from a publisher that was closed',
    run: async (harness) => {
      const topic = await freshTopic(harness)
      const sender = await Sender.open(harness.broker)
      await sender.publisher.close()
      await sender.publisher.close()
      await assert.rejects(sender.publish([recordOf(topic, 'late')]), BrokerError)
      assert.deepEqual(await readTexts(harness.broker, topic, 0), [])
    },
  },
]
