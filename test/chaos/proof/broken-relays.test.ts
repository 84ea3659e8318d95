import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { Pool } from 'pg'
import type { PoolClient } from 'pg'
import { kafka } from '../../../src/brokers/kafka/index.ts'
import { EventBus } from '../../../src/index.ts'
import { postgres } from '../../../src/stores/postgres/index.ts'
import {
  createDatabase,
  createTopic,
  readTopic,
  sharedKafka,
  sharedPostgres,
} from '../../servers/index.ts'
import { eventually } from '../eventually.ts'
import { frozenAfterCommit, settledTooSoon, withCursor, withoutFence } from './broken-parts.ts'
import { check } from './checker.ts'
import { type Entry, Notebook, atWallClock, hashOf, readNotebook } from './history.ts'

type Broken = 'nothing' | 'cursor' | 'settles too soon'
const found: [Broken, string[]][] = [
  ['nothing', []],
  ['cursor', ['loss']],
  ['settles too soon', ['loss']],
]
for (const [broken, kinds] of found) {
  test(`a relay of which is broken: ${broken}, has findings: ${kinds.join() || 'none'}`, async () => {
    const findings = check(await relayed(broken), { mayRepeat: 0 })
    assert.deepEqual([...new Set(findings.map(({ kind }) => kind))], kinds)
  })
}

/** An event commits after a younger one was published, and one more comes after it. */
async function relayed(broken: Broken): Promise<Entry[]> {
  const [address, server] = [await sharedKafka(), await sharedPostgres()]
  const topic = `broken_${randomUUID().slice(0, 8)}`
  await createTopic(address, topic)
  await using database = await createDatabase(server, topic)
  const pool = new Pool(database.connection)
  const folder = mkdtempSync(join(tmpdir(), 'oncommit-history-'))
  const notebook = new Notebook(join(folder, 'sender'), 'sender')
  const openBus = (how: Broken): EventBus<PoolClient> => {
    const [store, broker] = [postgres({ pool }), kafka({ brokers: [address.address] })]
    return new EventBus<PoolClient>({
      store: how === 'cursor' ? withCursor(store) : store,
      broker: how === 'settles too soon' ? settledTooSoon(broker) : broker,
    })
  }
  const pending = async (): Promise<number> => {
    const { rows } = await pool.query('SELECT count(*)::int AS n FROM oncommit.delivery')
    return (rows as { n: number }[])[0]?.n ?? 0
  }
  const bus = openBus(broken)
  await bus.migrate()
  const begin = async (key: string): Promise<() => Promise<void>> => {
    const [uuid, payload, client] = [randomUUID(), Buffer.from(key), await pool.connect()]
    await client.query('BEGIN')
    const record = { topic, key, uuid, hash: hashOf(payload) }
    notebook.note({ what: 'send', ...record, transaction: uuid, place: 0 })
    await bus.send(client, { topic, key, payload, uuid })
    return async () => {
      await client.query('COMMIT')
      notebook.note({ what: 'commit', transaction: uuid })
      client.release()
    }
  }
  await bus.startRelay()
  const commitLate = await begin('late')
  await (
    await begin('early')
  )()
  const gone = async (): Promise<true | undefined> => ((await pending()) === 0 ? true : undefined)
  await eventually('the early one is settled', gone, 20_000)
  await commitLate()
  await (
    await begin('last')
  )()
  await eventually('what this relay sees is settled', async () =>
    (await pending()) === (broken === 'cursor' ? 1 : 0) ? true : undefined,
  )
  await bus.close()
  const records = await readTopic(address, topic)
  const readings = records.map(({ partition, offset, key, value, headers, timestamp }): Entry => {
    const uuid = String(headers.find(([name]) => name === 'ce_id')?.[1])
    const record = { topic, partition, offset, key: String(key), uuid, hash: hashOf(value) }
    const moment = { what: 'read', at: atWallClock(timestamp), client: 'witness' } as const
    return Object.assign(record, moment)
  })
  const entries = [...readNotebook(join(folder, 'sender')), ...readings]
  rmSync(folder, { recursive: true })
  await pool.end()
  return entries
}

for (const fenced of [true, false]) {
  test(`a frozen relay whose successor ${fenced ? 'fences it is no finding' : 'does not fence it is found'}`, async () => {
    const findings = check(await takenOver(fenced), { mayRepeat: 0 })
    const kinds = findings.map(({ kind }) => kind)
    assert.deepEqual(kinds, fenced ? [] : ['duplicate'])
  })
}

/** A relay freezes between the commit of its batch and the settle, and another one takes its place. */
async function takenOver(fenced: boolean): Promise<Entry[]> {
  const [address, server] = [await sharedKafka(), await sharedPostgres()]
  const topic = `broken_${randomUUID().slice(0, 8)}`
  await createTopic(address, topic)
  await using database = await createDatabase(server, topic)
  const pool = new Pool(database.connection)
  const open = (): ReturnType<typeof kafka> => kafka({ brokers: [address.address] })
  const { frozen, thaw, ...parts } = frozenAfterCommit(postgres({ pool }), open())
  const first = new EventBus<PoolClient>(parts)
  await first.migrate()
  const [uuid, payload, client] = [randomUUID(), Buffer.from('once'), await pool.connect()]
  await client.query('BEGIN')
  await first.send(client, { topic, key: 'k', payload, uuid })
  await client.query('COMMIT')
  client.release()
  await first.startRelay({ ttlMs: 1000, stopTimeoutMs: 0 })
  await frozen
  const broker = fenced ? open() : withoutFence(open())
  const second = new EventBus<PoolClient>({ store: postgres({ pool }), broker })
  await second.startRelay({ ttlMs: 1000 })
  await eventually('the second relay settles it', async () => {
    const { rows } = await pool.query('SELECT 1 FROM oncommit.delivery')
    return rows.length === 0 ? true : undefined
  })
  await second.close()
  const records = await readTopic(address, topic)
  const moment = { at: 0, client: 'sender' }
  const sent = { topic, key: 'k', uuid, hash: hashOf(payload) }
  const readings = records.map(({ partition, offset, value }): Entry => {
    const record = { partition, offset, hash: hashOf(value) }
    return Object.assign({}, moment, sent, record, { what: 'read' } as const)
  })
  thaw()
  await first.close()
  await pool.end()
  return [
    { ...moment, what: 'send', ...sent, transaction: uuid, place: 0 },
    { ...moment, what: 'commit', transaction: uuid },
    ...readings,
  ]
}
