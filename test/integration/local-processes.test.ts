import assert from 'node:assert/strict'
import { randomInt } from 'node:crypto'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { local, type LocalBroker } from '../../src/brokers/local/index.ts'
import type { PublishedBatch } from '../../src/core/broker.ts'
import { BrokerError } from '../../src/core/errors.ts'
import { Program } from './local/programs.ts'

const signal = new AbortController().signal

let folder: string
before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'oncommit-local-'))
})
after(async () => rm(folder, { recursive: true }))

let files = 0
const newFile = (): string => join(folder, `log-${++files}.db`)

/** The batches of which a reader sees anything, with how many of their records are there. */
async function batchesOf(
  broker: LocalBroker,
  topic: string,
): Promise<ReadonlyMap<string, { seen: number; size: number }>> {
  const client = await broker.openLog({ clientId: 'test' })
  const from = await client.offsets(await client.partitions([topic]), 'earliest')
  const limits = { maxBytes: 1e9, maxPartitionBytes: 1e9, maxWaitMs: 0, signal }
  const batches = new Map<string, { seen: number; size: number }>()
  for (const { records } of await client.fetch(from, limits))
    for (const { value } of records) {
      const [relay, number, size] = String(value).split('/')
      const name = `${relay}/${number}`
      const seen = (batches.get(name)?.seen ?? 0) + 1
      batches.set(name, { seen, size: Number(size) })
    }
  return batches
}

/** The partitions and offsets that programs handled, as often as they did. */
async function handledIn(file: string): Promise<readonly string[]> {
  return (await readFile(`${file}.handled`, 'utf8')).trimEnd().split('\n')
}

function shares(program: Program): number {
  return program.all('assigned').at(-1)?.partitions.length ?? 0
}

async function countOf(broker: LocalBroker, topic: string): Promise<number> {
  const client = await broker.openLog({ clientId: 'test' })
  const ends = await client.offsets(await client.partitions([topic]), 'latest')
  return ends.reduce((sum, { offset }) => sum + Number(offset), 0)
}

describe('a local log in a file', () => {
  it('is made once by programs that open it at the same moment', async () => {
    const file = newFile()
    const programs = Array.from({ length: 8 }, () => new Program({ do: 'open', file }))
    await Promise.all(programs.map(async (program) => program.end()))
    for (const program of programs) assert.deepEqual(program.told, [{ event: 'opened' }])
    const client = await local({ file }).openLog({ clientId: 'test' })
    assert.equal((await client.partitions(['made-by-all'])).length, 3)
  })

  it('of a later version is not touched', async () => {
    const file = newFile()
    const broker = local({ file })
    await broker.createTopic('t')
    await broker.close()
    const { DatabaseSync } = await import('node:sqlite')
    const database = new DatabaseSync(file)
    database.exec('pragma user_version = 99')
    database.close()
    await assert.rejects(
      local({ file }).probe('t', signal),
      (error) => error instanceof BrokerError && error.kind === 'misconfigured',
    )
  })

  it('in a folder that is missing says so', async () => {
    await assert.rejects(
      local({ file: join(folder, 'none', 'log.db') }).probe('t', signal),
      (error) => error instanceof BrokerError && error.kind === 'misconfigured',
    )
  })

  it('shows each batch whole or not at all, and knows the last, whenever a publisher dies', async () => {
    const file = newFile()
    const broker = local({ file })
    for (let round = 0; round < 8; round++) {
      const program = new Program({ do: 'publish', file, topic: 't' })
      const enough = randomInt(1, 40)
      await program.until(() => program.all('committed').length >= enough, 'it committed')
      await program.kill()
      const [{ fence, relayId } = { fence: '', relayId: '' }] = program.all('publisher')
      const given = await broker.fence(fence, signal)
      const told = program.all('committed').at(-1)?.number ?? 0
      const last = given.at(-1)?.number ?? 0
      assert.ok(
        last >= told && last <= told + 2,
        `${last} is what was told, ${told}, or just after`,
      )
      const batches = await batchesOf(broker, 't')
      for (const { seen, size } of batches.values()) assert.equal(seen, size)
      const own = [...batches.keys()].filter((name) => name.startsWith(relayId))
      assert.equal(own.length, last)
      assert.ok(given.every((batch: PublishedBatch) => own.includes(`${relayId}/${batch.number}`)))
    }
  })

  it('takes nothing more from a frozen publisher that was fenced', async () => {
    const file = newFile()
    const broker = local({ file })
    const program = new Program({ do: 'publish', file, topic: 't' })
    await program.until(() => program.all('committed').length >= 5, 'it committed')
    await program.freeze()
    const [{ fence } = { fence: '' }] = program.all('publisher')
    const given = await broker.fence(fence, signal)
    const visible = await countOf(broker, 't')
    program.thaw()
    await program.until(() => program.all('failed').length > 0, 'it failed')
    assert.equal(program.all('failed')[0]?.kind, 'fenced')
    assert.equal(await countOf(broker, 't'), visible)
    assert.deepEqual(await broker.fence(fence, signal), given)
    await program.end()
  })

  it('hands each record to one program once, while programs come and go', async () => {
    const file = newFile()
    const broker = local({ file })
    const publisher = new Program({ do: 'publish', file, topic: 't' })
    const read = { do: 'read', file, topic: 't', group: 'g', sessionTimeoutMs: 20_000 } as const
    const members: Program[] = []
    for (const change of ['+', '+', '+', '-', '+', '-', '-']) {
      if (change === '+') {
        const member = new Program(read)
        members.push(member)
      } else await members.shift()?.end()
      const member = members.at(-1)
      const handled = member?.all('handled').length ?? 0
      await member?.until(() => member.all('handled').length > handled + 100, 'it handled more')
    }
    await publisher.end()
    await broker.idle()
    await members[0]?.end()
    const handled = await handledIn(file)
    assert.equal(handled.length, await countOf(broker, 't'))
    assert.equal(new Set(handled).size, handled.length)
  })

  it('gives the partitions of a program that was killed to another after its session', async () => {
    const file = newFile()
    const broker = local({ file })
    const publisher = new Program({ do: 'publish', file, topic: 't' })
    const read = { do: 'read', file, topic: 't', group: 'g', sessionTimeoutMs: 1_000 } as const
    const [one, two] = [new Program(read), new Program(read)]
    await one.until(
      () => shares(one) === 2 && one.all('handled').length > 50,
      'it handled its half',
    )
    await two.until(() => shares(two) === 2, 'it has its half')
    await one.kill()
    await two.until(() => shares(two) === 4, 'it has all')
    await publisher.end()
    await broker.idle()
    await two.end()
    const distinct = new Set(await handledIn(file))
    assert.equal(distinct.size, await countOf(broker, 't'))
  })

  it('moves no mark for a program that slept through its session', async () => {
    const file = newFile()
    const broker = local({ file })
    const publisher = new Program({ do: 'publish', file, topic: 't' })
    const read = { do: 'read', file, topic: 't', group: 'g', sessionTimeoutMs: 1_000 } as const
    const [one, two] = [new Program(read), new Program(read)]
    await one.until(
      () => shares(one) === 2 && one.all('handled').length > 50,
      'it handled its half',
    )
    await two.until(() => shares(two) === 2, 'it has its half')
    await one.freeze()
    await two.until(() => shares(two) === 4, 'it has all')
    one.thaw()
    await one.until(() => one.all('lateCommit').length > 0, 'it was told')
    assert.deepEqual(one.all('lateCommit'), [{ event: 'lateCommit', taken: false }])
    await one.until(() => shares(one) === 2, 'it is a member again')
    await publisher.end()
    await broker.idle()
    await Promise.all([one.end(), two.end()])
    const distinct = new Set(await handledIn(file))
    assert.equal(distinct.size, await countOf(broker, 't'))
  })
})
