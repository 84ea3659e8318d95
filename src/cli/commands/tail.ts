import { once } from 'node:events'
import { EventBus } from '../../bus/event-bus.ts'
import { cloudEvents } from '../../codecs/cloudevents/index.ts'
import type { Codec } from '../../core/codec.ts'
import { OptionError } from '../../core/errors.ts'
import type { Logger } from '../../core/logger.ts'
import { wholeNumber } from '../../core/options.ts'
import { brokerFrom } from '../connections.ts'
import type { BrokerFlags } from '../connections.ts'
import { eventAsJson, eventAsLine } from '../event-line.ts'
import { EXIT } from '../exit-codes.ts'
import type { Terminal } from '../terminal.ts'

export interface TailFlags extends BrokerFlags {
  readonly from?: string
  readonly count?: string
  readonly json?: boolean
}

/** `oncommit tail`: prints the events of a topic until SIGINT or SIGTERM, in no group. */
export async function tail(topic: string, flags: TailFlags, terminal: Terminal): Promise<number> {
  const from = startOf(flags.from ?? 'latest')
  const most = countOf(flags.count)
  const line = flags.json === true ? eventAsJson : eventAsLine
  const stopping = new AbortController()
  const stop = (): void => stopping.abort()
  await using bus = new EventBus({
    broker: brokerFrom(flags, terminal.environment),
    codec: readingAnything(cloudEvents()),
    logger: loggerTo(terminal),
  })
  void Promise.race([once(process, 'SIGINT'), once(process, 'SIGTERM')]).then(stop)
  // `| head` has read enough.
  process.stdout.on('error', stop)
  let printed = 0
  for await (const event of bus.stream(topic, { from, signal: stopping.signal })) {
    terminal.result(line(event))
    printed += 1
    if (printed === most) break
  }
  return EXIT.done
}

/** A record that the codec can't read is shown as it is: who looks into a topic wants to see it. */
function readingAnything(codec: Codec): Codec {
  return {
    name: codec.name,
    encode: (event) => codec.encode(event),
    decode: (record, topic) => {
      try {
        return codec.decode(record, topic)
      } catch {
        return {
          uuid: undefined,
          timestamp: undefined,
          key: record.key === null ? null : record.key.toString(),
          msgType: '(broken)',
          mimeType: 'application/octet-stream',
          headers: record.headers,
          payload: record.value,
        }
      }
    },
  }
}

function startOf(from: string): 'earliest' | 'latest' | Date {
  if (from === 'earliest' || from === 'latest') return from
  const time = new Date(from)
  if (!/^\d{4}-\d\d/.test(from) || Number.isNaN(time.getTime()))
    throw new OptionError('--from', from, 'earliest, latest or a time such as 2026-01-31T09:00Z')
  return time
}

function countOf(count: string | undefined): number {
  if (count === undefined) return Number.POSITIVE_INFINITY
  if (!/^\d+$/.test(count)) throw new OptionError('--count', count, 'a whole number')
  return wholeNumber('--count', Number(count), { min: 1 })
}

function loggerTo(terminal: Terminal): Logger {
  return {
    debug: () => {},
    info: () => {},
    warn: (message) => terminal.note(message),
    error: (message) => terminal.note(message),
  }
}
