import { Consumer, type ConsumerParts } from '../../src/consumer/consume/consumer.ts'
import type { BatchHandler } from '../../src/consumer/consume/handling.ts'
import {
  batchSettings,
  type ConsumeBatchesOptions,
  type ConsumeOptions,
  type ConsumeSettings,
  consumeSettings,
} from '../../src/consumer/consume/options.ts'
import type { Producer, TopicRecord } from '../../src/core/broker.ts'
import type { ReceivedEvent } from '../../src/consumer/received-event.ts'
import { MemoryLogger } from '../integration/stream/reading.ts'
import { plainCodec, type ScriptedLog, topic } from './scripted-log.ts'

type Handle = (event: ReceivedEvent) => unknown

/** A consumer of a scripted log, whose dead letters are kept. */
export interface OpenedConsumer {
  readonly consumer: Consumer
  readonly dead: readonly TopicRecord[]
}

export function consume(
  log: ScriptedLog,
  options: Partial<ConsumeOptions>,
  handle: Handle,
  more: Partial<ConsumerParts> = {},
): OpenedConsumer {
  const settings = consumeSettings(topic, { group: 'g', ...options })
  return open(log, settings, ([event]) => event && handle(event), more)
}

export function consumeBatches(
  log: ScriptedLog,
  options: Partial<ConsumeBatchesOptions>,
  handler: BatchHandler,
): OpenedConsumer {
  return open(log, batchSettings(topic, { group: 'g', ...options }), handler)
}

function open(
  log: ScriptedLog,
  settings: ConsumeSettings,
  handler: BatchHandler,
  more: Partial<ConsumerParts> = {},
): OpenedConsumer {
  const dead: TopicRecord[] = []
  const producer: Producer = {
    send: async (record) => void dead.push(record),
    close: async () => {},
  }
  const broker = { openLog: async () => log, openProducer: async () => producer }
  const parts = {
    broker,
    codecFor: () => plainCodec,
    logger: new MemoryLogger(),
    inbox: null,
    handler,
    onEnd: () => {},
    ...more,
  }
  return { consumer: new Consumer(parts, settings), dead }
}
