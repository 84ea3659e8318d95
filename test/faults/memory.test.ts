import assert from 'node:assert/strict'
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { test } from 'node:test'
import { Client } from 'pg'
import { postgres } from '../../src/stores/postgres/index.ts'
import { createDatabase, createTopic, startKafka, startPostgres } from '../servers/index.ts'
import type { Address } from '../servers/index.ts'
import type { DrainJob, DrainReport } from './memory/drain-process.ts'

test('3,000 events of 1 MiB drain under a heap of 256 MiB', { timeout: 300_000 }, async () => {
  await using servers = await startServers({ 'max.message.bytes': '2097152' })
  const backlog = await servers.backlog(3000, 1024 * 1024)
  const report = await drain({ ...backlog, maxRecordBytes: 2_000_000 }, [
    '--max-old-space-size=256',
  ])
  assert.equal(report.published, 3000)
})

test(
  'a backlog of 1,000,000 events drains in the memory of one of 10,000',
  { timeout: 300_000 },
  async (context) => {
    await using servers = await startServers({})
    const small = await drain(await servers.backlog(10_000, 1024), ['--expose-gc'])
    const large = await drain(await servers.backlog(1_000_000, 1024), ['--expose-gc'])
    assert.equal(large.published, 1_000_000)
    const text = `${large.maxRssMiB.toFixed()} MiB against ${small.maxRssMiB.toFixed()} MiB`
    assert.ok(large.maxRssMiB < small.maxRssMiB * 1.25, text)
    context.diagnostic(text)
  },
)

interface Servers extends AsyncDisposable {
  /** A database with so many pending events, and a topic for them. */
  backlog(events: number, bytes: number): Promise<DrainJob>
}

async function startServers(configs: Record<string, string>): Promise<Servers> {
  const stack = new AsyncDisposableStack()
  const server: Address = stack.use(await startPostgres())
  const kafka = stack.use(await startKafka())
  return {
    backlog: async (events, bytes) => {
      const name = `backlog-${events}`
      await createTopic(kafka, name, { partitions: 4, configs })
      const { url } = await createDatabase(server, name)
      const store = postgres({ url })
      await store.migrate()
      await store.close()
      const client = new Client({ connectionString: url })
      await client.connect()
      await client.query(
        `INSERT INTO oncommit.events (topic, key, payload)
         SELECT $1, 'k' || (n % 500), convert_to(repeat('x', $3::int), 'UTF8') FROM generate_series(1, $2::int) n`,
        [name, events, bytes],
      )
      await client.end()
      return { databaseUrl: url, broker: kafka.address, events, maxRecordBytes: 1_000_000 }
    },
    [Symbol.asyncDispose]: () => stack.disposeAsync(),
  }
}

async function drain(job: DrainJob, execArgv: readonly string[] = []): Promise<DrainReport> {
  const program = join(import.meta.dirname, 'memory/drain-process.ts')
  const child = fork(program, [JSON.stringify(job)], { execArgv: [...execArgv] })
  const exited = once(child, 'exit')
  const [report] = (await Promise.race([
    once(child, 'message'),
    exited.then(([code, signal]) =>
      Promise.reject(new Error(`the relay ended with ${code ?? signal}`)),
    ),
  ])) as [DrainReport]
  await exited
  return report
}
