import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { describe, it } from 'node:test'

import { Producer } from '@platformatic/kafka'

import {
  type KafkaAddress,
  type KafkaUser,
  appUser,
  connect,
  createDatabase,
  createTopic,
  grant,
  kafkaTool,
  readTopic,
  sharedPostgres,
  startKafka,
  startPostgres,
  startReplica,
  untilReplayed,
} from './index.ts'
import { isAlive } from './processes.ts'

async function produce(kafka: KafkaAddress, value: Buffer, user?: KafkaUser): Promise<bigint> {
  const producer = new Producer({
    clientId: 'servers-test',
    bootstrapBrokers: [kafka.address],
    idempotent: true,
    retries: 100,
    retryDelay: 20,
    ...(user && { sasl: { mechanism: 'PLAIN', ...user } }),
  })
  try {
    const headers = new Map([[Buffer.from('a:b'), Buffer.from([0, 255])]])
    await producer.send({ messages: [{ topic: 'numbers', value, headers }], acks: -1 })
    return producer.producerId ?? -1n
  } finally {
    await producer.close()
  }
}

describe('PostgreSQL', () => {
  it('keeps what was committed through a kill and a stop, on the same port', async () => {
    await using server = await startPostgres({ settings: { max_prepared_transactions: 7 } })
    await using database = await createDatabase(server, 'kept')
    await using writer = await connect(server, database.name)
    await writer.query('create table numbers as select 1 as n')
    await server.kill()
    await server.restart()
    await server.restart()
    await using reader = await connect(server, database.name)
    const { rows } = await reader.query('select n, current_setting($1) as setting from numbers', [
      'max_prepared_transactions',
    ])
    assert.deepEqual(rows, [{ n: 1, setting: '7' }])
  })

  it('answers nobody while it is frozen, open connections included', async () => {
    await using server = await startPostgres()
    await using connection = await connect(server)
    await server.freeze()
    await assert.rejects(connect(server), /timeout/)
    const answer = connection.query('select 1 as n')
    const first = await Promise.race([answer, new Promise((resolve) => setTimeout(resolve, 50))])
    assert.equal(first, undefined)
    await server.thaw()
    assert.deepEqual((await answer).rows, [{ n: 1 }])
  })

  it('has replicas that read what was written and refuse to write', async () => {
    await using primary = await startPostgres({ settings: { max_prepared_transactions: 7 } })
    await using replica = await startReplica(primary)
    await using writer = await connect(primary)
    await writer.query('create table numbers as select 1 as n')
    await untilReplayed(primary, replica)
    await using reader = await connect(replica)
    assert.deepEqual((await reader.query('select n from numbers')).rows, [{ n: 1 }])
    await assert.rejects(reader.query('delete from numbers'), /read-only/)
  })

  it('gives each test file an empty database of its own', async () => {
    const server = await sharedPostgres()
    {
      await using before = await createDatabase(server, 'servers_test')
      await using connection = await connect(server, before.name)
      await connection.query('create table numbers as select 1 as n')
    }
    await using database = await createDatabase(server, 'servers_test')
    await using connection = await connect(server, database.name)
    const tables = await connection.query(`select to_regclass('numbers') as found`)
    assert.deepEqual(tables.rows, [{ found: null }])
  })

  it('ends with the next start when its runner was killed', async () => {
    const program = `
      const { startPostgres } = await import(${JSON.stringify(import.meta.resolve('./index.ts'))})
      const server = await startPostgres()
      console.log(JSON.stringify([server.folder, server.pid]))
      setInterval(() => {}, 1000)`
    const runner = spawn(process.execPath, ['--input-type=module', '--eval', program], {
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    const [line] = (await once(runner.stdout, 'data')) as [Buffer]
    const [folder, pid] = JSON.parse(line.toString()) as [string, number]
    runner.kill('SIGKILL')
    await once(runner, 'exit')
    await using server = await startPostgres()
    assert.notEqual(server.folder, folder)
    assert.equal(existsSync(folder), false)
    while (isAlive(pid)) await new Promise((resolve) => setTimeout(resolve, 5))
  })
})

describe('Kafka', () => {
  it('keeps what it acknowledged through a kill and a freeze, and shows it byte for byte', async () => {
    await using kafka = await startKafka()
    await createTopic(kafka, 'numbers')
    await produce(kafka, Buffer.from([0, 10, 255]))
    await kafka.kill()
    await kafka.restart()
    await kafka.freeze()
    const late = produce(kafka, Buffer.alloc(0))
    await kafka.thaw()
    await late
    const records = await readTopic(kafka, 'numbers', { atLeast: 2 })
    const values = records.map(({ offset, key, value }) => [offset, key, value?.toString('hex')])
    assert.deepEqual(values, [
      [0, null, '000aff'],
      [1, null, ''],
    ])
    assert.deepEqual(records[0]?.headers, [['a:b', Buffer.from([0, 255])]])
    const lines = await kafkaTool('offsets', [
      '--bootstrap-server',
      kafka.address,
      '--topic',
      'numbers',
    ])
    assert.equal(lines.stdout.trim(), 'numbers:0:2')
  })

  it('starts several at once, with an authorizer or without', async () => {
    await using servers = new AsyncDisposableStack()
    const started = await Promise.all([startKafka(), startKafka({ authorizer: true })])
    const [open, closed] = started.map((server) => servers.use(server))
    assert.ok(open && closed)
    await Promise.all([createTopic(open, 'numbers'), createTopic(closed, 'numbers')])
    // An id of 0, the first of a cluster, hides faults.
    assert.notEqual(await produce(open, Buffer.from('1')), 0n)
    await grant(closed, { resource: 'topic', name: 'numbers', operations: ['WRITE', 'DESCRIBE'] })
    assert.notEqual(await produce(closed, Buffer.from('1'), appUser), 0n)
    assert.equal((await readTopic(closed, 'numbers')).length, 1)
  })

  it('names a topic that is not there and records that do not come', async () => {
    await using kafka = await startKafka()
    await assert.rejects(readTopic(kafka, 'numbers', { timeoutMs: 1_000 }), /no such topic/)
    await createTopic(kafka, 'numbers')
    const tooFew = readTopic(kafka, 'numbers', { atLeast: 1, timeoutMs: 100 })
    await assert.rejects(tooFew, /0 of 1 records/)
  })
})
