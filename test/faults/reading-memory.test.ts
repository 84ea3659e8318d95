import assert from 'node:assert/strict'
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { kafka } from '../../src/brokers/kafka/index.ts'
import { createTopic, type KafkaServer, startKafka } from '../servers/index.ts'
import type { ReadJob, ReadReport } from './memory/read-process.ts'

/** The larger one; 1,000,000 takes a minute. */
const LARGE = Number(process.env['ONCOMMIT_TEST_BACKLOG'] ?? 200_000)
const SMALL = 10_000

let server: KafkaServer

describe('a slow reader holds as much of a large backlog as of a small one', () => {
  before(async () => {
    server = await startKafka()
    await Promise.all([fill('small', SMALL), fill('large', LARGE)])
  })
  after(() => server[Symbol.asyncDispose]())

  for (const { way, events } of [
    { way: 'stream', events: 1_000 },
    { way: 'consume', events: 6_000 },
  ] as const) {
    test(way, { timeout: 120_000 }, async (context) => {
      const job = { broker: server.address, way, events, handlerMs: 5 }
      const [small, large] = await Promise.all([
        read({ ...job, topic: 'small' }),
        read({ ...job, topic: 'large' }),
      ])
      const text =
        `${LARGE} against ${SMALL} events: ` +
        `${large.maxHeldMiB.toFixed(1)} against ${small.maxHeldMiB.toFixed(1)} MiB held, ` +
        `${large.maxRssMiB.toFixed()} against ${small.maxRssMiB.toFixed()} MiB resident`
      assert.ok(large.maxHeldMiB <= small.maxHeldMiB * 1.1, text)
      context.diagnostic(text)
    })
  }
})

async function fill(topic: string, events: number): Promise<void> {
  await createTopic(server, topic, { partitions: 4 })
  const broker = kafka({ brokers: [server.address] })
  const { signal } = new AbortController()
  const producer = await broker.openProducer({ clientId: 'fill', signal, onAway: () => {} })
  const value = Buffer.alloc(1024, 'x')
  for (let sent = 0; sent < events; sent += 5_000) {
    await Promise.all(
      Array.from({ length: Math.min(5_000, events - sent) }, (_, n) =>
        producer.send({ topic, key: Buffer.from(`key-${n % 1_000}`), value, headers: [] }),
      ),
    )
  }
  await producer.close()
  await broker.close()
}

async function read(job: ReadJob): Promise<ReadReport> {
  const program = join(import.meta.dirname, 'memory/read-process.ts')
  const child = fork(program, [JSON.stringify(job)], { execArgv: ['--expose-gc'] })
  const exited = once(child, 'exit')
  const [report] = (await Promise.race([
    once(child, 'message'),
    exited.then(([code, signal]) =>
      Promise.reject(new Error(`the reader ended with ${code ?? signal}`)),
    ),
  ])) as [ReadReport]
  await exited
  return report
}
