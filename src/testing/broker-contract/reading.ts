import assert from 'node:assert/strict'
import { setImmediate as turn } from 'node:timers/promises'
import { BrokerError, OffsetLostError } from '../../core/errors.ts'
import type { Page } from '../../core/log.ts'
import type { ContractCase } from '../contract-case.ts'
import {
  type BrokerHarness,
  FETCH,
  fetchOnce,
  freshTopic,
  openLog,
  publish,
  readTopic,
  recordOf,
  Sender,
} from './harness.ts'

function textsOf(pages: readonly Page[]): readonly string[] {
  return pages.flatMap((page) => page.records.map((record) => String(record.value)))
}

/** Publishes behind the `before` records that are there, and gives all when they can be read. */
async function publishTexts(
  harness: BrokerHarness,
  topic: string,
  texts: readonly string[],
  before = 0,
): Promise<Page['records']> {
  await publish(
    harness.broker,
    texts.map((text) => recordOf(topic, text)),
  )
  const [records = []] = (await readTopic(harness.broker, topic, before + texts.length)).values()
  return records
}

/** What a log client promises of partitions, offsets and fetching. */
export const readingCases: readonly ContractCase<BrokerHarness>[] = [
  {
    title: 'knows the partitions of topics',
    run: async (harness) => {
      const [one, two] = [await freshTopic(harness, 1), await freshTopic(harness, 3)]
      await using log = await openLog(harness.broker)
      const partitions = await log.client.partitions([one, two])
      assert.deepEqual(
        new Set(partitions.map(({ topic, partition }) => `${topic}/${partition}`)),
        new Set([`${one}/0`, `${two}/0`, `${two}/1`, `${two}/2`]),
      )
      assert.equal(partitions.length, 4)
    },
  },
  {
    title: 'says which topic is unknown',
    run: async (harness) => {
      const unknown = (await harness.unknownTopic()) ?? '..'
      await using log = await openLog(harness.broker)
      await assert.rejects(
        log.client.partitions([unknown]),
        (error) =>
          error instanceof BrokerError &&
          error.kind === 'topic-unavailable' &&
          error.topic === unknown,
      )
    },
  },
  {
    title: 'knows the earliest and the latest offset',
    run: async (harness) => {
      const topic = await freshTopic(harness)
      await using log = await openLog(harness.broker)
      const at = [{ topic, partition: 0 }]
      const [before] = await log.client.offsets(at, 'latest')
      await publishTexts(harness, topic, ['a', 'b'])
      const [earliest] = await log.client.offsets(at, 'earliest')
      assert.deepEqual(earliest, before)
      const [latest] = await log.client.offsets(at, 'latest')
      assert.ok(latest !== undefined && latest.offset >= (earliest?.offset ?? 0n) + 2n)
      await publishTexts(harness, topic, ['c'], 2)
      assert.deepEqual(textsOf(await fetchOnce(log.client, [latest])), ['c'])
    },
  },
  {
    title: 'finds the first offset at or after a time',
    run: async (harness) => {
      const topic = await freshTopic(harness)
      const [first] = await publishTexts(harness, topic, ['a'])
      const time = first?.timestamp ?? 0
      while (Date.now() <= time + 1) await turn()
      await publishTexts(harness, topic, ['b'], 1)
      await using log = await openLog(harness.broker)
      const at = [{ topic, partition: 0 }]
      const from = async (when: Date): Promise<readonly string[]> =>
        textsOf(await fetchOnce(log.client, await log.client.offsets(at, when)))
      assert.deepEqual(await from(new Date(0)), ['a', 'b'])
      assert.deepEqual(await from(new Date(time)), ['a', 'b'])
      assert.deepEqual(await from(new Date(time + 1)), ['b'])
      assert.deepEqual(
        await log.client.offsets(at, new Date(Date.now() + 86_400_000)),
        await log.client.offsets(at, 'latest'),
      )
    },
  },
  {
    title: 'fetches from a position on, and says where it goes on and where it ends',
    run: async (harness) => {
      const topic = await freshTopic(harness)
      const records = await publishTexts(harness, topic, ['a', 'b', 'c', 'd'])
      await using log = await openLog(harness.broker)
      const offset = records[2]?.offset ?? -1n
      const [page] = await fetchOnce(log.client, [{ topic, partition: 0, offset }])
      assert.deepEqual(textsOf(page === undefined ? [] : [page]), ['c', 'd'])
      const [latest] = await log.client.offsets([{ topic, partition: 0 }], 'latest')
      assert.equal(page?.endOffset, latest?.offset)
      let next = page?.nextOffset ?? -1n
      while (next < (latest?.offset ?? 0n)) {
        const [behind] = await fetchOnce(log.client, [{ topic, partition: 0, offset: next }])
        assert.deepEqual(behind?.records, [], 'only what no reader sees')
        next = behind?.nextOffset ?? -1n
      }
      assert.equal(next, latest?.offset, 'nothing is left behind the last record')
    },
  },
  {
    title: 'fetches about as many bytes as asked for, and always gets on',
    run: async (harness) => {
      const topic = await freshTopic(harness)
      await using sender = await Sender.open(harness.broker)
      for (let batch = 0; batch < 8; batch++)
        await sender.publish([recordOf(topic, '', { value: Buffer.alloc(20_000, batch) })])
      await using log = await openLog(harness.broker)
      const signal = AbortSignal.timeout(60_000)
      let [at] = await log.client.offsets([{ topic, partition: 0 }], 'earliest')
      const found: (number | undefined)[] = []
      for (let fetches = 0; at !== undefined && found.length < 8; fetches++) {
        assert.ok(fetches < 50, 'it gets on')
        const limits = { maxBytes: 10, maxPartitionBytes: 50_000, maxWaitMs: 500, signal }
        const [page] = await log.client.fetch([at], limits)
        assert.ok((page?.records.length ?? 0) <= 1, 'one is more than was asked for already')
        found.push(...(page?.records.map((record) => record.value?.[0]) ?? []))
        at = { topic, partition: 0, offset: page?.nextOffset ?? at.offset }
      }
      assert.deepEqual(found, [0, 1, 2, 3, 4, 5, 6, 7])
    },
  },
  {
    title: 'says that a position is gone, in the page of that partition alone',
    run: async (harness) => {
      const [good, bad] = [await freshTopic(harness), await freshTopic(harness)]
      await publishTexts(harness, good, ['a'])
      await using log = await openLog(harness.broker)
      const [from] = await log.client.offsets([{ topic: good, partition: 0 }], 'earliest')
      const pages: Page[] = []
      let next = from?.offset ?? 0n
      while (!(hasRecords(pages) && pages.some(({ error }) => error))) {
        const lost = { topic: bad, partition: 0, offset: 1_000_000n }
        const got = await fetchOnce(log.client, [{ topic: good, partition: 0, offset: next }, lost])
        pages.push(...got)
        next = got.find(({ topic }) => topic === good)?.nextOffset ?? next
      }
      assert.deepEqual(textsOf(pages), ['a'])
      for (const page of pages) {
        if (page.topic === good) assert.equal(page.error, null)
        else assert.ok(page.error instanceof OffsetLostError && page.error.offset === 1_000_000n)
      }
    },
  },
  {
    title: 'a waiting fetch returns when something is published, by another process too',
    run: async (harness) => {
      for (const publisher of [harness.broker, harness.other]) {
        const topic = await freshTopic(harness)
        await using log = await openLog(harness.broker)
        const at = await log.client.offsets([{ topic, partition: 0 }], 'latest')
        // A fetch may come back early without records, as one whose partition has just moved.
        const read = async (): Promise<readonly string[]> => {
          const texts = textsOf(await fetchOnce(log.client, at, 30_000))
          return texts.length > 0 ? texts : read()
        }
        const waiting = read()
        const began = performance.now()
        await publish(publisher, [recordOf(topic, 'wake up')])
        assert.deepEqual(await waiting, ['wake up'])
        assert.ok(performance.now() - began < 15_000, 'it did not sleep until the end')
      }
    },
  },
  {
    title: 'a fetch with nothing to read returns after its time',
    run: async (harness) => {
      const topic = await freshTopic(harness)
      await using log = await openLog(harness.broker)
      const at = await log.client.offsets([{ topic, partition: 0 }], 'latest')
      assert.deepEqual(textsOf(await fetchOnce(log.client, at, 50)), [])
    },
  },
  {
    title: "a waiting fetch ends with its signal's reason",
    run: async (harness) => {
      const topic = await freshTopic(harness)
      await using log = await openLog(harness.broker)
      const at = await log.client.offsets([{ topic, partition: 0 }], 'latest')
      const ending = new AbortController()
      const reason = new Error('enough')
      const options = { ...FETCH, maxWaitMs: 60_000, signal: ending.signal }
      const waiting = log.client.fetch(at, options)
      await turn()
      ending.abort(reason)
      await assert.rejects(waiting, (error) => error === reason)
      const aborted = log.client.fetch(at, options)
      await assert.rejects(aborted, (error) => error === reason)
      await publishTexts(harness, topic, ['a'])
      const again = [...textsOf(await fetchOnce(log.client, at, 5_000))]
      if (again.length === 0) again.push(...textsOf(await fetchOnce(log.client, at, 5_000)))
      assert.deepEqual(again, ['a'], 'the client goes on')
    },
  },
]

function hasRecords(pages: readonly Page[]): boolean {
  return pages.some((page) => page.records.length > 0)
}
