// A member of a group in a process of its own.
import { appendFileSync, openSync, writeSync } from 'node:fs'
import { setImmediate as turn, setTimeout as sleep } from 'node:timers/promises'
import { kafka } from '../../../src/brokers/kafka/index.ts'
import { local } from '../../../src/brokers/local/index.ts'
import type { Broker } from '../../../src/core/broker.ts'
import { EventBus } from '../../../src/bus/event-bus.ts'
import type { ReceivedEvent } from '../../../src/consumer/received-event.ts'
import { Reject } from '../../../src/core/errors.ts'
import { openRows, type OpenRows } from './rows.ts'
import { clockMs, type Line, type Stopped, type Task, TICK_MS, type Told } from './task.ts'

const task = JSON.parse(process.argv[2] ?? '') as Task
const tell = (told: Told): void => void process.send?.(told)
const orphaned = (): void => process.exit()
process.on('disconnect', orphaned)

// What is written to a file is there though the program is killed; a message may wait to be sent.
const diary = openSync(task.diary, 'a')
function write(line: Line): void {
  writeSync(diary, `${JSON.stringify(line)}\n`)
}
function note(what: Line[0], event: ReceivedEvent): void {
  const number = Number(event.header('number'))
  const { partition, offset, key } = event
  write([what, number, partition, Number(offset), key ?? '', clockMs()])
}

setInterval(() => write(['tick', -1, -1, -1, '', clockMs()]), TICK_MS).unref()

let isToHang = false
process.on('message', (order) => {
  if (order === 'hang') isToHang = true
  // Here it holds no lock of a file, with which it would stop the others as well.
  else process.send?.({ event: 'freezing' }, () => process.kill(process.pid, 'SIGSTOP'))
})

async function handle(event: ReceivedEvent): Promise<void> {
  note('start', event)
  const number = Number(event.header('number'))
  if (isToHang) {
    isToHang = false
    tell({ event: 'hung', number })
    await new Promise(() => {})
  }
  await (task.handleMs > 0 ? sleep(task.handleMs) : turn())
  note('end', event)
  tell({ event: 'handled' })
  if (task.poison?.includes(number) === true) throw new Reject('poison')
}

let dead = 0
const log =
  (level: string) =>
  (message: string): void => {
    appendFileSync(`${task.diary}.log`, `${Math.round(clockMs())} ${level} ${message}\n`)
    if (/ waits for the broker: /.test(message)) tell({ event: 'away' })
    // Dead letters are logged when they are acknowledged.
    if (!/ made .* a dead letter/.test(message)) return
    dead += 1
    if (dead === task.diesAfterDead) process.kill(process.pid, 'SIGKILL')
  }
const logger = { debug() {}, info: log('info'), warn: log('warn'), error: log('error') }

function open(at: Task['at']): Broker {
  if ('file' in at) return local(at)
  const { address, ...options } = at
  return kafka({ brokers: [address], ...options })
}

const broker = open(task.at)
const rows: OpenRows | null = task.rows === undefined ? null : openRows(task.rows)
const bus = new EventBus({ broker, logger, ...(rows === null ? {} : { store: rows.store }) })

function consume(): () => Promise<Omit<Stopped, 'ms'>> {
  const { topic, consume: options = { group: '' }, stopTimeout } = task
  const inbox = rows === null ? {} : { inbox: true as const }
  const consumer = bus.consume(topic, { ...options, ...inbox }, async (event, { tx }) => {
    await rows?.add(tx, Number(event.header('number')))
    await handle(event)
  })
  return () => consumer.stop(stopTimeout === undefined ? {} : { timeout: stopTimeout })
}

function stream(): () => Promise<Omit<Stopped, 'ms'>> {
  const ending = new AbortController()
  let handled = 0
  const loop = async (): Promise<void> => {
    for await (const event of bus.stream(task.topic, { ...task.stream, signal: ending.signal })) {
      await handle(event)
      handled += 1
    }
  }
  const ended = loop()
  return async () => {
    ending.abort()
    await ended
    return { handled, abandoned: 0, duplicates: 0 }
  }
}

const stop = task.stream === undefined ? consume() : stream()
process.once('SIGTERM', () => {
  const begun = clockMs()
  void stop()
    .then(async (result) => {
      const told: Told = { event: 'stopped', result: { ...result, ms: clockMs() - begun } }
      // What is not sent yet is lost when it disconnects.
      await new Promise((resolve) => process.send?.(told, resolve))
      await bus.close()
      await rows?.close()
    })
    // Whatever it left open would keep it from ending.
    .finally(() => process.off('disconnect', orphaned).disconnect?.())
})
tell({ event: 'ready' })
