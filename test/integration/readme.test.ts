import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { Client, Pool } from 'pg'
import { local } from '../../src/brokers/local/index.ts'
import { EventBus } from '../../src/bus/event-bus.ts'
import type { Consumer } from '../../src/consumer/consume/consumer.ts'
import { uuidv7 } from '../../src/core/uuid.ts'
import { createDatabase, createTopic, sharedKafka, sharedPostgres } from '../servers/index.ts'
import { blocksOf, onSources } from './documents.ts'
import { eventually } from './stream/reading.ts'
import { Sender } from './stream/sender.ts'

const root = join(import.meta.dirname, '../..')
const blocks = (language: string): string[] => blocksOf('README.md', language)

test('the quick start prints what the README says, on PostgreSQL and Kafka', async () => {
  const [postgres, kafka] = await Promise.all([sharedPostgres(), sharedKafka()])
  await using database = await createDatabase(postgres, `readme_${randomUUID().slice(0, 8)}`)
  await createTopic(kafka, 'orders', { partitions: 2 }).catch(() => {})
  const [code = ''] = blocks('ts')
  const output = blocks('').at(-1)
  // Inside the checkout, so that the optional peers are found.
  const folder = mkdtempSync(join(root, 'test/integration/.readme-'))
  try {
    writeFileSync(join(folder, 'shop.ts'), onSources(code))
    const ran = spawnSync(process.execPath, [join(folder, 'shop.ts')], {
      encoding: 'utf8',
      timeout: 60_000,
      env: { ...process.env, DATABASE_URL: database.url, KAFKA_BROKERS: kafka.address },
    })
    assert.equal(ran.stderr, '')
    assert.equal(ran.stdout, output)
    assert.equal(ran.status, 0)
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
})

test("the README's consumer bills each order once, though it is published twice", async () => {
  await using database = await createDatabase(
    await sharedPostgres(),
    `readme_${randomUUID().slice(0, 8)}`,
  )
  const { postgres } = await import('../../src/stores/postgres/index.ts')
  const broker = local({ partitions: 1 })
  await using sender = await Sender.open(broker)
  const pool = new Pool({ connectionString: database.url })
  pool.on('error', () => {})
  await using bus = new EventBus({ store: postgres({ pool }), broker })
  await bus.migrate()
  await pool.query('CREATE TABLE bills (id text, total integer)')
  const uuid = uuidv7()
  const payload = Buffer.from('{"id":"o-1","total":42}')
  await sender.sendEvents('orders', [
    { uuid, payload },
    { uuid, payload },
  ])
  const [, code = ''] = blocks('ts')
  const [snippet = ''] = code.split("process.once('SIGTERM'")
  const folder = mkdtempSync(join(root, 'test/integration/.readme-'))
  const file = join(folder, 'billing.ts')
  const [imports, own = ''] = snippet.split('\n\n')
  writeFileSync(file, `${imports}\nexport const open = (bus) => {\n${own}\nreturn billing\n}\n`)
  const { open } = (await import(file)) as { open: (bus: EventBus) => Consumer }
  rmSync(folder, { recursive: true })
  const billing = open(bus)
  await eventually('both are handled', () => billing.counts().handled === 2)
  assert.equal((await billing.stop()).duplicates, 1)
  const { rows } = await pool.query('SELECT * FROM bills')
  assert.deepEqual(rows, [{ id: 'o-1', total: 42 }])
  await bus.close()
  await pool.end()
})

test("the README's plain SQL stores an event that waits to be published", async () => {
  await using database = await createDatabase(
    await sharedPostgres(),
    `readme_${randomUUID().slice(0, 8)}`,
  )
  const { postgres } = await import('../../src/stores/postgres/index.ts')
  const store = postgres({ url: database.url })
  await store.migrate()
  await store.close()
  const client = new Client({ connectionString: database.url })
  await client.connect()
  await client.query(blocks('sql')[0] ?? '')
  const { rows } = await client.query('SELECT topic, delivered FROM oncommit.outbox')
  await client.end()
  assert.deepEqual(rows, [{ topic: 'orders', delivered: false }])
})
