import type { Broker } from '../../core/broker.ts'
import type { Codec, WireRecord } from '../../core/codec.ts'
import type { Logger } from '../../core/logger.ts'
import type { ReceivedEvent } from '../received-event.ts'
import type { ConsumeSettings } from './options.ts'
import type { ConsumerResult } from './report.ts'
import { redrive, type Redrive } from './redrive.ts'

export interface Republish extends Pick<Redrive, 'topic' | 'ask' | 'onStart'> {
  /** They read the dead letters. */
  readonly settings: ConsumeSettings
  readonly broker: Broker
  readonly logger: Logger
  readonly onEnd: Redrive['parts']['onEnd']
}

/** Reads nothing: what is published again is the record as it was. */
const untouched: Codec = {
  name: 'untouched',
  encode: () => {
    throw new TypeError('records are published as they are')
  },
  decode: (record) => ({
    uuid: undefined,
    timestamp: undefined,
    key: null,
    msgType: '',
    mimeType: '',
    headers: [],
    payload: null,
    data: record,
  }),
}

/**
 * Publishes the dead letters that are there now to the topic that they were in, byte for byte, in
 * the order of their keys. They share a mark with those that are redriven. Rejects with the first
 * one that the broker refuses: it stays where it is, with those behind it, of which some that were
 * under way may be published again.
 */
export async function republish(parts: Republish): Promise<ConsumerResult> {
  const { topic, settings, broker, logger, ask, onStart, onEnd } = parts
  const ending = new AbortController()
  const { signal } = settings.reading
  const producer = await broker.openProducer({
    clientId: `oncommit-${settings.group}-republish`,
    signal: ending.signal,
    onAway: () => {},
  })
  let failure: { readonly error: unknown } | null = null
  const send = async ([event]: readonly ReceivedEvent<WireRecord>[]): Promise<void> => {
    if (event === undefined) return
    const { key, value, headers } = event.data
    try {
      await producer.send({ topic, key, value, headers })
    } catch (error) {
      failure ??= { error }
      ending.abort()
      throw error
    }
  }
  const all = signal === null ? ending.signal : AbortSignal.any([signal, ending.signal])
  try {
    const result = await redrive({
      topic,
      settings: { ...settings, deadLetter: null, reading: { ...settings.reading, signal: all } },
      parts: { broker, codecFor: () => untouched, logger, inbox: null, handler: send, onEnd },
      ask,
      onStart,
    })
    const failed = failure as { readonly error: unknown } | null
    if (failed !== null) throw failed.error
    return result
  } finally {
    ending.abort()
  }
}
