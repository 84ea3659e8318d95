import { openSync, writeSync } from 'node:fs'
import { setImmediate as turn } from 'node:timers/promises'
import { kafka } from '../../../src/brokers/kafka/index.ts'
import { local } from '../../../src/brokers/local/index.ts'
import { EventBus } from '../../../src/bus/event-bus.ts'
import type { Task } from './programs.ts'

const { at, topic, options, diary } = JSON.parse(process.argv[2] ?? '') as Task
const broker = 'file' in at ? local(at) : kafka({ brokers: [at.address] })
process.on('disconnect', () => process.exit())

// What is written to a file is there though the program is killed; a message may wait to be sent.
const written = openSync(diary, 'a')
const bus = new EventBus({ broker })
for await (const event of bus.stream(topic, options)) {
  writeSync(written, `${event.header('number')} ${Date.now()}\n`)
  process.send?.('given')
  await turn()
}
