// A publisher in a process of its own, which a test can freeze: it does what it is told by messages.
import { kafka } from '../../../src/brokers/kafka/index.ts'
import type { AppendResult, Publisher } from '../../../src/core/broker.ts'
import type { BrokerError } from '../../../src/core/errors.ts'

/** What the test tells the process. */
export type Order =
  | { readonly do: 'open'; readonly address: string; readonly relayId: string }
  | {
      readonly do: 'append'
      readonly number: number
      readonly topic: string
      readonly values: readonly string[]
      /** Stops its own clock right before it sends. */
      readonly freeze?: boolean
    }
  | { readonly do: 'commit'; readonly freeze?: boolean }

/** What it answers with. */
export interface Answer {
  readonly done: string
  readonly fence?: string
  /** The kind of failure, where there was one. */
  readonly failed?: string
}

let publisher: Publisher | undefined
let appended: AppendResult | undefined

const freezeNow = (): void => void process.kill(process.pid, 'SIGSTOP')

async function obey(order: Order): Promise<Answer> {
  if (order.do === 'open') {
    const broker = kafka({ brokers: [order.address] })
    const signal = new AbortController().signal
    const { relayId } = order
    publisher = await broker.openPublisher({ outbox: 'zombie', relayId, signal, onAway: () => {} })
    return { done: 'open', fence: publisher.fence }
  }
  if (order.do === 'append') {
    const { number, topic, freeze } = order
    const records = order.values.map((value) => ({
      topic,
      key: Buffer.from('key'),
      value: Buffer.from(value),
      headers: [],
    }))
    const ids = [[BigInt(number * 100), BigInt(number * 100 + records.length - 1)]] as const
    const before = freeze === true ? freezeNow : () => {}
    appended = await publisher?.append({ number, ids, records }, before)
    return { done: appended?.state ?? 'nothing' }
  }
  if (appended?.state !== 'appended') return { done: 'nothing' }
  const committing = appended.commit()
  if (order.freeze === true) setImmediate(freezeNow)
  await committing
  return { done: 'committed' }
}

process.on('message', (order: Order) => {
  void obey(order)
    .catch((error: BrokerError) => ({ done: 'failed', failed: error.kind }))
    .then((answer) => process.send?.(answer))
})
