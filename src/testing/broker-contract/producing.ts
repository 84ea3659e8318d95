import assert from 'node:assert/strict'
import type { Producer, TopicRecord } from '../../core/broker.ts'
import type { WireRecord } from '../../core/codec.ts'
import { BrokerError, type BrokerFailure } from '../../core/errors.ts'
import type { ContractCase } from '../contract-case.ts'
import {
  type BrokerHarness,
  freshTopic,
  readTexts,
  readTopic,
  recordOf,
  refusedRecord,
} from './harness.ts'

interface Opened extends AsyncDisposable {
  readonly producer: Producer
}

async function open({ broker }: BrokerHarness, signal?: AbortSignal): Promise<Opened> {
  const producer = await broker.openProducer({
    clientId: 'contract',
    signal: signal ?? new AbortController().signal,
    onAway: () => {},
  })
  return { producer, [Symbol.asyncDispose]: async () => producer.close() }
}

function ofKind(kind: BrokerFailure): (error: unknown) => boolean {
  return (error) => error instanceof BrokerError && error.kind === kind
}

/** What became of records that were sent side by side: nothing, or the kind of the failure. */
async function sendAll(
  producer: Producer,
  records: readonly TopicRecord[],
): Promise<readonly (string | null)[]> {
  const sent = await Promise.allSettled(records.map(async (record) => producer.send(record)))
  return sent.map((one) =>
    one.status === 'fulfilled' ? null : ((one.reason as Partial<BrokerError>).kind ?? 'no kind'),
  )
}

/** The bytes, without the place that the log gave them. */
function bytesOf({ key, value, headers }: WireRecord): WireRecord {
  return { key, value, headers }
}

/** What a producer of single records promises. */
export const producingCases: readonly ContractCase<BrokerHarness>[] = [
  {
    title:
      'a producer keeps records byte for byte, with duplicate headers and null apart from empty',
    run: async (harness) => {
      const topic = await freshTopic(harness)
      await using opened = await open(harness)
      const key = Buffer.from('same')
      const sent = [
        recordOf(topic, '', { key: null, value: null }),
        recordOf(topic, '', { key: Buffer.alloc(0), value: Buffer.alloc(0) }),
        recordOf(topic, '', { key: Buffer.from([0xff, 0]), value: Buffer.from([0, 0x80]) }),
        recordOf(topic, 'h', {
          key,
          headers: [
            ['b', Buffer.from('1')],
            ['a', Buffer.alloc(0)],
            ['b', Buffer.from([0xff])],
          ],
        }),
      ]
      for (const record of sent) await opened.producer.send(record)
      const [records = []] = (await readTopic(harness.broker, topic, sent.length)).values()
      assert.deepEqual(records.map(bytesOf), sent.map(bytesOf))
    },
  },
  {
    title: 'what a producer has sent can be read once send has resolved',
    run: async (harness) => {
      const topic = await freshTopic(harness)
      await using opened = await open(harness)
      for (const text of ['a', 'b', 'c']) await opened.producer.send(recordOf(topic, text))
      assert.deepEqual(await readTexts(harness.other, topic, 3), ['a', 'b', 'c'])
    },
  },
  {
    title: 'records that a producer sends side by side keep the order of the calls',
    run: async (harness) => {
      const topic = await freshTopic(harness)
      await using opened = await open(harness)
      const texts = Array.from({ length: 3_000 }, (_, index) => `${index}`)
      const outcomes = await sendAll(
        opened.producer,
        texts.map((text) => recordOf(topic, text)),
      )
      assert.ok(outcomes.every((outcome) => outcome === null))
      assert.deepEqual(await readTexts(harness.broker, topic, texts.length), texts)
    },
  },
  {
    title: 'a producer says that a topic is unknown, and sends to the others',
    run: async (harness) => {
      const unknown = (await harness.unknownTopic()) ?? '..'
      const topic = await freshTopic(harness)
      await using opened = await open(harness)
      const outcomes = await sendAll(opened.producer, [
        recordOf(topic, '0'),
        recordOf(unknown, '1'),
        recordOf(topic, '2'),
      ])
      assert.deepEqual(outcomes, [null, 'topic-unavailable', null])
      await opened.producer.send(recordOf(topic, '3'))
      assert.deepEqual(await readTexts(harness.broker, topic, 3), ['0', '2', '3'])
    },
  },
  {
    title: 'a producer refuses the record that is too large, and sends those around it in order',
    run: async (harness) => {
      const topic = await freshTopic(harness)
      await using opened = await open(harness)
      const key = Buffer.from('key')
      const records = Array.from({ length: 21 }, (_, index) => recordOf(topic, `${index}`))
      records[10] = { ...refusedRecord(harness, topic), key }
      const outcomes = await sendAll(opened.producer, records)
      assert.deepEqual(
        outcomes,
        records.map((_, index) => (index === 10 ? 'event-refused' : null)),
      )
      assert.deepEqual(
        await readTexts(harness.broker, topic, 20),
        [...records.keys()].filter((index) => index !== 10).map(String),
      )
    },
  },
  {
    title: 'a producer that was closed rejects what is sent, and what was waiting',
    run: async (harness) => {
      const topic = await freshTopic(harness)
      const { producer } = await open(harness)
      await producer.send(recordOf(topic, 'before'))
      const waiting = producer.send(recordOf(topic, 'never'))
      await Promise.all([assert.rejects(waiting, ofKind('away')), producer.close()])
      await producer.close()
      await assert.rejects(producer.send(recordOf(topic, 'late')), ofKind('away'))
      assert.deepEqual(await readTexts(harness.broker, topic, 1), ['before'])
    },
  },
  {
    title: 'a producer is closed by its signal',
    run: async (harness) => {
      const topic = await freshTopic(harness)
      const ending = new AbortController()
      await using opened = await open(harness, ending.signal)
      await opened.producer.send(recordOf(topic, 'before'))
      ending.abort()
      await assert.rejects(opened.producer.send(recordOf(topic, 'late')), ofKind('away'))
      assert.deepEqual(await readTexts(harness.broker, topic, 1), ['before'])
    },
  },
]
