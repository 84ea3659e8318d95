import assert from 'node:assert/strict'
import type { PublishedBatch } from '../../core/broker.ts'
import { BrokerError } from '../../core/errors.ts'
import type { ContractCase } from '../contract-case.ts'
import {
  type BrokerHarness,
  freshTopic,
  readTexts,
  recordOf,
  refusedRecord,
  Sender,
} from './harness.ts'

const onlyFenced = ({ broker }: BrokerHarness): string | null =>
  broker.capabilities.fence ? null : 'it has no fence'

async function fence(harness: BrokerHarness, sender: Sender): Promise<readonly PublishedBatch[]> {
  return harness.other.fence(sender.publisher.fence, AbortSignal.timeout(30_000))
}

const isFenced = (error: unknown): boolean =>
  error instanceof BrokerError && error.kind === 'fenced'

/** What `Broker.fence` promises. */
export const fencingCases: readonly ContractCase<BrokerHarness>[] = [
  {
    title: 'a fenced publisher can not commit what it has appended',
    unless: onlyFenced,
    run: async (harness) => {
      const topic = await freshTopic(harness)
      await using sender = await Sender.open(harness.broker)
      await sender.publish([recordOf(topic, 'before')])
      const appended = await sender.publisher.append(
        sender.batch([recordOf(topic, 'after')]),
        () => {},
      )
      assert.equal(appended.state, 'appended')
      await fence(harness, sender)
      if (appended.state === 'appended') await assert.rejects(appended.commit(), isFenced)
      assert.deepEqual(await readTexts(harness.other, topic, 1), ['before'])
    },
  },
  {
    title: 'a fenced publisher can not publish',
    unless: onlyFenced,
    run: async (harness) => {
      const topic = await freshTopic(harness)
      await using sender = await Sender.open(harness.broker)
      await sender.publish([recordOf(topic, 'before')])
      await fence(harness, sender)
      await assert.rejects(sender.publish([recordOf(topic, 'after')]), isFenced)
      assert.deepEqual(await readTexts(harness.other, topic, 1), ['before'])
    },
  },
  {
    title: 'fencing gives the last two batches that became visible',
    unless: onlyFenced,
    run: async (harness) => {
      const topic = await freshTopic(harness)
      for (const count of [0, 1, 2, 4]) {
        await using sender = await Sender.open(harness.broker)
        const visible: PublishedBatch[] = []
        for (let at = 0; at < count; at++) {
          const batch = sender.batch([recordOf(topic, 'a'), recordOf(topic, 'b')])
          const appended = await sender.publisher.append(batch, () => {})
          if (appended.state === 'appended') await appended.commit()
          visible.push({ relayId: sender.relayId, number: batch.number, ids: batch.ids })
        }
        const given = await fence(harness, sender)
        assert.deepEqual(given, visible.slice(-2))
      }
    },
  },
  {
    title:
      'fencing gives the last two batches that became visible, also around one that was refused',
    unless: onlyFenced,
    run: async (harness) => {
      const topic = await freshTopic(harness)
      await using sender = await Sender.open(harness.broker)
      const visible: PublishedBatch[] = []
      for (const text of ['first', null, 'second']) {
        const record = text === null ? refusedRecord(harness, topic) : recordOf(topic, text)
        const batch = { ...sender.batch([record]), number: visible.length + 1 }
        const result = await sender.publisher.append(batch, () => {})
        assert.equal(result.state, text === null ? 'refused' : 'appended')
        if (result.state !== 'appended') continue
        await result.commit()
        visible.push({ relayId: sender.relayId, number: batch.number, ids: batch.ids })
      }
      assert.deepEqual(await fence(harness, sender), visible)
    },
  },
  {
    title: 'fencing does not give a batch that never became visible',
    unless: onlyFenced,
    run: async (harness) => {
      const topic = await freshTopic(harness)
      await using sender = await Sender.open(harness.broker)
      await sender.publish([recordOf(topic, 'a')])
      await sender.publisher.append(sender.batch([recordOf(topic, 'b')]), () => {})
      const given = await fence(harness, sender)
      assert.deepEqual(
        given.map(({ number }) => number),
        [1],
      )
    },
  },
  {
    title: 'fencing again gives the same',
    unless: onlyFenced,
    run: async (harness) => {
      const topic = await freshTopic(harness)
      await using sender = await Sender.open(harness.broker)
      await sender.publish([recordOf(topic, 'a')])
      const first = await fence(harness, sender)
      assert.equal(first.length, 1)
      assert.deepEqual(await fence(harness, sender), first)
    },
  },
  {
    title: 'fencing one publisher leaves the others alone',
    unless: onlyFenced,
    run: async (harness) => {
      const topic = await freshTopic(harness)
      await using one = await Sender.open(harness.broker)
      await using two = await Sender.open(harness.broker)
      await one.publish([recordOf(topic, '1')])
      await two.publish([recordOf(topic, '2')])
      assert.deepEqual(
        (await fence(harness, one)).map(({ relayId }) => relayId),
        [one.relayId],
      )
      await two.publish([recordOf(topic, '3')])
      assert.deepEqual(await readTexts(harness.broker, topic, 3), ['1', '2', '3'])
    },
  },
  {
    title: 'a publisher that is fenced can be forgotten, more than once',
    unless: onlyFenced,
    run: async (harness) => {
      const topic = await freshTopic(harness)
      await using sender = await Sender.open(harness.broker)
      await sender.publish([recordOf(topic, 'a')])
      await fence(harness, sender)
      await harness.other.forget(sender.publisher.fence)
      await harness.other.forget(sender.publisher.fence)
      await assert.rejects(sender.publish([recordOf(topic, 'b')]), BrokerError)
    },
  },
  {
    title: 'without a fence, fencing gives nothing',
    unless: ({ broker }) => (broker.capabilities.fence ? 'it has a fence' : null),
    run: async (harness) => {
      const topic = await freshTopic(harness)
      await using sender = await Sender.open(harness.broker)
      await sender.publish([recordOf(topic, 'a')])
      assert.deepEqual(await fence(harness, sender), [])
    },
  },
]
