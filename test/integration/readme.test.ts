import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { Client } from 'pg'
import { createDatabase, createTopic, sharedKafka, sharedPostgres } from '../servers/index.ts'
import { blocksOf, onSources } from './documents.ts'

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
