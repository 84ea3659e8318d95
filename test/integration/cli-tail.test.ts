import assert from 'node:assert/strict'
import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { setImmediate as turn } from 'node:timers/promises'
import { after, describe, test } from 'node:test'
import { kafka } from '../../src/brokers/kafka/index.ts'
import { local } from '../../src/brokers/local/index.ts'
import type { Broker } from '../../src/core/broker.ts'
import { createTopic, sharedKafka } from '../servers/index.ts'
import { freshTopic } from './stream/places.ts'
import { Sender } from './stream/sender.ts'

const program = join(import.meta.dirname, '../../src/cli/main.ts')
const folder = mkdtempSync(join(tmpdir(), 'oncommit-tail-'))
after(() => rmSync(folder, { recursive: true, force: true }))

interface Place {
  readonly broker: Broker
  readonly flags: readonly string[]
  readonly make: (topic: string) => Promise<void>
}

async function inFile(): Promise<Place> {
  const file = join(folder, 'log.db')
  const broker = local({ file, partitions: 1 })
  return Promise.resolve({
    broker,
    flags: ['--local', file],
    make: async (topic) => broker.createTopic(topic),
  })
}

async function onKafka(): Promise<Place> {
  const server = await sharedKafka()
  return {
    broker: kafka({ brokers: [server.address] }),
    flags: ['--kafka', server.address],
    make: async (topic) => createTopic(server, topic, { partitions: 1 }),
  }
}

/** A tail that runs beside the test. */
class Tail implements AsyncDisposable {
  readonly child: ChildProcess
  readonly #lines: AsyncIterator<string>
  readonly #exit: Promise<unknown[]>
  notes = ''

  constructor(...args: string[]) {
    this.child = spawn(process.execPath, [program, 'tail', ...args])
    this.#exit = once(this.child, 'exit')
    this.child.stderr?.setEncoding('utf8').on('data', (text: string) => (this.notes += text))
    const input = this.child.stdout
    assert.ok(input !== null)
    this.#lines = createInterface({ input })[Symbol.asyncIterator]()
  }

  async line(): Promise<string> {
    const { done, value } = (await this.#lines.next()) as IteratorResult<string, undefined>
    assert.ok(done !== true, `it ended: ${this.notes}`)
    return value
  }

  async exitCode(): Promise<unknown> {
    return (await this.#exit)[0]
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.child.kill('SIGKILL')
    await this.#exit
  }
}

async function sendUntil(ended: AbortSignal, sender: Sender, topic: string): Promise<void> {
  for (let n = 0; !ended.aborted; n++) {
    await sender.send(topic, [`new ${n}`])
    await turn()
  }
}

for (const [name, open] of [
  ['the local broker in a file', inFile],
  ['Kafka', onKafka],
] as const) {
  describe(`tail on ${name}`, () => {
    test('prints a line for each event from the earliest on, goes on with new ones, and ends on SIGINT with 0', async () => {
      const { broker, flags, make } = await open()
      const topic = freshTopic()
      await make(topic)
      await using sender = await Sender.open(broker)
      await sender.send(topic, ['one', 'two'])
      await using tail = new Tail(topic, '--from', 'earliest', ...flags)
      assert.match(await tail.line(), /^\d{4}-\S+Z 0@0 k T one$/)
      assert.match(await tail.line(), / 0@1 k T two$/)
      await sender.send(topic, ['three'])
      assert.match(await tail.line(), / k T three$/)
      tail.child.kill('SIGINT')
      assert.equal(await tail.exitCode(), 0)
      assert.equal(tail.notes, '')
      await broker.close()
    })

    test('--count ends it, --json prints all of an event, a record that no codec reads too', async () => {
      const { broker, flags, make } = await open()
      const topic = freshTopic()
      await make(topic)
      const producer = await broker.openProducer({
        clientId: 'tail-test',
        signal: new AbortController().signal,
        onAway: () => {},
      })
      await producer.send({
        topic,
        key: Buffer.from('k'),
        value: Buffer.from([0xff]),
        headers: [['ce_time', Buffer.from('no time')]],
      })
      await producer.close()
      await using sender = await Sender.open(broker)
      await sender.sendEvents(topic, [{ key: null, payload: Buffer.from('{"n":1}') }])
      await using tail = new Tail(topic, '--from', 'earliest', '--count', '2', '--json', ...flags)
      const broken = JSON.parse(await tail.line()) as Record<string, unknown>
      assert.equal(broken['msgType'], '(broken)')
      assert.equal(broken['payloadBase64'], '/w==')
      const event = JSON.parse(await tail.line()) as Record<string, unknown>
      assert.equal(event['topic'], topic)
      assert.equal(event['key'], null)
      assert.equal(event['payload'], '{"n":1}')
      assert.match(String(event['uuid']), /^[0-9a-f-]{36}$/)
      assert.equal(await tail.exitCode(), 0)
      await broker.close()
    })

    test('begins at what comes from now on, or at a time', async () => {
      const { broker, flags, make } = await open()
      const topic = freshTopic()
      await make(topic)
      await using sender = await Sender.open(broker)
      await sender.send(topic, ['old'])
      await using fromNow = new Tail(topic, '--count', '1', ...flags)
      // It says nothing before the first event, so events come until it has one.
      const ending = new AbortController()
      const sending = sendUntil(ending.signal, sender, topic)
      const first = await fromNow.line()
      ending.abort()
      await sending
      assert.match(first, / k T new \d+$/)
      const [time] = first.split(' ')
      const at = ['--from', time ?? '', '--count', '1', ...flags]
      await using fromTime = new Tail(topic, ...at)
      const found = await fromTime.line()
      assert.match(found, / k T new \d+$/)
      assert.ok((found.split(' ')[0] ?? '') >= (time ?? 'z'))
      await broker.close()
    })
  })
}

test('tail says what is wrong with an option, and exits with 2', () => {
  const { KAFKA_BROKERS: _, ...env } = process.env
  const file = join(folder, 'none.db')
  const cases: [string[], RegExp][] = [
    [['t'], /option --kafka: got undefined/],
    [
      ['t', '--local', file, '--from', 'yesterday'],
      /option --from: got "yesterday", takes earliest/,
    ],
    [['t', '--local', file, '--count', '0'], /option --count: got 0/],
    [['t', '--local', file, '--count', 'x'], /option --count: got "x"/],
    [['--local', file], /missing required argument 'topic'/],
  ]
  for (const [args, message] of cases) {
    const ran = spawnSync(process.execPath, [program, 'tail', ...args], { encoding: 'utf8', env })
    assert.equal(ran.status, 2, ran.stderr)
    assert.match(ran.stderr, message)
  }
})

test('tail ends when whoever reads its lines has gone', async () => {
  const { broker, flags } = await inFile()
  const topic = freshTopic()
  await using sender = await Sender.open(broker)
  await sender.send(topic, ['one'])
  await using tail = new Tail(topic, '--from', 'earliest', ...flags)
  await tail.line()
  tail.child.stdout?.destroy()
  const gone = new AbortController()
  const exit = tail.exitCode().finally(() => gone.abort())
  await sendUntil(gone.signal, sender, topic)
  assert.equal(await exit, 0, tail.notes)
  await broker.close()
})
