import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { after, before, describe, test } from 'node:test'
import { kafka } from '../../src/brokers/kafka/index.ts'
import { cloudEvents } from '../../src/codecs/cloudevents/index.ts'
import type { Codec } from '../../src/core/codec.ts'
import {
  createDatabase,
  createTopic,
  readTopic,
  sharedKafka,
  sharedPostgres,
} from '../servers/index.ts'
import type { Address, TestDatabase } from '../servers/index.ts'
import { OutboxFixture, eventually } from '../relay/outbox-fixture.ts'

let server: Address
let postgresServer: Address
const databases: TestDatabase[] = []

before(async () => {
  server = await sharedKafka()
  postgresServer = await sharedPostgres()
})
after(async () => {
  for (const database of databases) await database.drop()
})

async function openFixture(): Promise<OutboxFixture> {
  const database = await createDatabase(postgresServer, `relay_${randomUUID().slice(0, 8)}`)
  databases.push(database)
  return OutboxFixture.open(database)
}

async function newTopic(configs: Record<string, string> = {}): Promise<string> {
  const topic = `relay-${randomUUID().slice(0, 8)}`
  await createTopic(server, topic, { partitions: 4, configs })
  return topic
}

const texts = (records: readonly { value: Buffer | null }[]): (string | undefined)[] =>
  records.map((record) => record.value?.toString())

const byText = (a = '', b = ''): number => (a < b ? -1 : 1)

for (const guarantee of ['exactly-once', 'at-least-once'] as const) {
  describe(`a relay to Kafka, ${guarantee}`, () => {
    const openBroker = () => kafka({ brokers: [server.address], guarantee })

    test('publishes what committed, once and in the order of each key, and nothing that rolled back', async () => {
      const topic = await newTopic()
      await using fixture = await openFixture()
      const relay = await fixture.relay(openBroker())
      for (let n = 0; n < 300; n++) {
        const event = { topic, key: `k${n % 7}`, payload: String(n) }
        if (n % 3 !== 2) await fixture.commit(event)
        else {
          const failed = fixture.transaction(async (send) => {
            await send([event])
            throw new Error('undone')
          })
          await assert.rejects(failed, /undone/)
        }
      }
      const records = await readTopic(server, topic, { atLeast: 200 })
      assert.equal(records.length, 200)
      for (const [key, own] of Map.groupBy(records, (record) => record.key?.toString())) {
        const numbers = own.map((record) => Number(record.value))
        assert.deepEqual(
          numbers,
          numbers.toSorted((a, b) => a - b),
          `key ${key}`,
        )
      }
      await eventually('all is settled', () => (relay.status.published === 200 ? true : undefined))
      assert.deepEqual(await fixture.query('SELECT count(*)::int AS n FROM oncommit.delivery'), [
        { n: 0 },
      ])
    })

    test('an unknown topic waits, whole and in order, and the others go on; nothing is dead', async () => {
      const there = await newTopic()
      const missing = `relay-missing-${randomUUID().slice(0, 8)}`
      await using fixture = await openFixture()
      const relay = await fixture.relay(openBroker())
      for (let n = 0; n < 50; n++) {
        await fixture.commit(
          { topic: missing, key: `k${n % 5}`, payload: String(n) },
          { topic: there, key: 'k', payload: String(n) },
        )
      }
      assert.equal((await readTopic(server, there, { atLeast: 50 })).length, 50)
      assert.match(
        relay.status.failing.map(({ what }) => what).join(),
        new RegExp(`topic ${missing} is not available`),
      )
      assert.deepEqual(relay.status.blocked, { keys: 0, topics: [missing] })
      await createTopic(server, missing, { partitions: 2 })
      const records = await eventually('the topic has all events', async () => {
        const found = await readTopic(server, missing)
        return found.length >= 50 ? found : undefined
      })
      assert.equal(records.length, 50)
      for (const own of Map.groupBy(records, (record) => record.key?.toString()).values()) {
        const numbers = own.map((record) => Number(record.value))
        assert.deepEqual(
          numbers,
          numbers.toSorted((a, b) => a - b),
        )
      }
      await eventually('nothing is blocked any more', async () => {
        const [row] = await fixture.query(
          'SELECT (SELECT count(*) FROM oncommit.blocked)::int AS b, (SELECT count(*) FROM oncommit.held)::int AS h, (SELECT count(*) FROM oncommit.dead)::int AS d',
        )
        return row?.['b'] === 0 && row['h'] === 0 && row['d'] === 0 ? true : undefined
      })
      await fixture.commit({ topic: missing, key: 'k0', payload: 'after' })
      assert.equal(
        texts(await readTopic(server, missing, { atLeast: 51 })).filter((text) => text === 'after')
          .length,
        1,
      )
    })

    test('a record that Kafka refuses blocks its key, visibly, and holds back nothing else', async () => {
      const topic = await newTopic({ 'max.message.bytes': '20000' })
      await using fixture = await openFixture()
      const events = Array.from({ length: 100 }, (_, n) => ({
        topic,
        key: `k${n % 10}`,
        payload: n === 33 ? Buffer.alloc(30_000) : String(n),
      }))
      await fixture.commit(...events)
      const relay = await fixture.relay(openBroker())
      const expected = events.filter((_, n) => n % 10 !== 3 || n < 33).length
      const records = await readTopic(server, topic, { atLeast: expected })
      assert.equal(records.length, expected)
      assert.deepEqual(
        records
          .filter((record) => record.key?.toString() === 'k3')
          .map((record) => record.value?.toString()),
        ['3', '13', '23'],
      )
      const held = await eventually('the key is parked', async () => {
        const rows = await fixture.query(
          'SELECT b.key, b.event_id, b.error, (SELECT count(*) FROM oncommit.held h WHERE h.blocked_id = b.id)::int AS held FROM oncommit.blocked b',
        )
        return rows[0]?.['held'] === 7 ? rows : undefined
      })
      assert.equal(held.length, 1)
      assert.deepEqual(relay.status.blocked, { keys: 1, topics: [] })
      assert.equal(held[0]?.['key'], 'k3')
      assert.match(String(held[0]?.['error']), /MESSAGE_TOO_LARGE|too large|larger/i)
      assert.ok(
        fixture.logger.lines.some(
          (line) => line.startsWith('error') && line.includes('blocks the key "k3"'),
        ),
      )
      await fixture.commit(
        { topic, key: 'k3', payload: 'later' },
        { topic, key: 'k4', payload: 'later' },
      )
      const all = await readTopic(server, topic, { atLeast: expected + 1 })
      assert.deepEqual(
        all
          .filter((record) => record.value?.toString() === 'later')
          .map((record) => record.key?.toString()),
        ['k4'],
      )
    })

    test('a codec that throws blocks the key of its event only', async () => {
      const topic = await newTopic()
      await using fixture = await openFixture()
      const plain = cloudEvents()
      const codec: Codec = {
        ...plain,
        decode: (record, name) => plain.decode(record, name),
        encode: (event) => {
          if (event.payload?.toString() === 'poison') throw new Error('no such schema')
          return plain.encode(event)
        },
      }
      await fixture.relay(openBroker(), {}, codec)
      await fixture.commit(
        { topic, key: 'a', payload: 'poison' },
        { topic, key: 'a', payload: 'behind' },
        { topic, key: 'b', payload: 'free' },
        { topic, payload: 'keyless' },
      )
      assert.deepEqual(texts(await readTopic(server, topic, { atLeast: 2 })).toSorted(byText), [
        'free',
        'keyless',
      ])
      const rows = await eventually('blocked', async () => {
        const found = await fixture.query('SELECT key, error FROM oncommit.blocked')
        return found.length > 0 ? found : undefined
      })
      assert.equal(rows[0]?.['key'], 'a')
      assert.match(String(rows[0]?.['error']), /no such schema/)
    })

    test('relays share the lanes, hand them over, and stop cleanly, with nothing lost or repeated', async () => {
      const topic = await newTopic()
      await using fixture = await openFixture()
      const first = await fixture.relay(openBroker(), { ttlMs: 3000 })
      const sent = 1200
      const sending = (async () => {
        for (let n = 0; n < sent; n += 4) {
          await fixture.commit(
            ...[0, 1, 2, 3].map((m) => ({
              topic,
              key: `k${(n + m) % 40}`,
              payload: String(n + m),
            })),
          )
        }
      })()
      const second = await fixture.relay(openBroker(), { ttlMs: 3000 })
      await eventually('they share', () =>
        first.status.lanes.length === 32 && second.status.lanes.length === 32 ? true : undefined,
      )
      await first.stop()
      await eventually('the second has all', () =>
        second.status.lanes.length === 64 ? true : undefined,
      )
      await sending
      const records = await readTopic(server, topic, { atLeast: sent })
      assert.equal(records.length, sent)
      for (const own of Map.groupBy(records, (record) => record.key?.toString()).values()) {
        const numbers = own.map((record) => Number(record.value))
        assert.deepEqual(
          numbers,
          numbers.toSorted((a, b) => a - b),
        )
      }
      await second.stop()
      assert.deepEqual(await fixture.query('SELECT id FROM oncommit.relays'), [])
    })
  })
}
