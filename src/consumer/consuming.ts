import type { Broker } from '../core/broker.ts'
import type { Codec } from '../core/codec.ts'
import { OptionError } from '../core/errors.ts'
import type { Inbox } from '../core/inbox.ts'
import type { Logger } from '../core/logger.ts'
import { Consumer, type ConsumerParts } from './consume/consumer.ts'
import type { BatchHandler, Handler } from './consume/handling.ts'
import {
  batchSettings,
  type ConsumeBatchesOptions,
  type ConsumeOptions,
  consumeSettings,
  redriveSettings,
} from './consume/options.ts'
import { redrive } from './consume/redrive.ts'
import type { ConsumerResult } from './consume/report.ts'
import { DeadLetters } from './dead-letters.ts'
import { EventStream } from './event-stream.ts'
import type { StreamOptions } from './options.ts'
import { Subscriptions } from './subscriptions.ts'

export interface ConsumingParts {
  readonly broker: Broker
  readonly codecFor: (topic: string) => Codec
  readonly logger: Logger
  /** The inbox that an option means. Throws an `OptionError` with its name where it means none. */
  readonly inboxOf: (name: string, value: unknown) => Inbox | null
}

type Topics = string | readonly string[]

/** Opens what reads: streams, consumers and redrives. */
export class Consuming {
  readonly open: Subscriptions = new Subscriptions()
  readonly #parts: ConsumingParts

  constructor(parts: ConsumingParts) {
    this.#parts = parts
  }

  stream(topics: Topics, options: StreamOptions = {}): EventStream {
    const { broker, codecFor, logger } = this.#parts
    // Of a type that nobody has checked yet.
    const group: unknown = (options as Partial<StreamOptions> | null)?.group
    const letters =
      typeof group === 'string'
        ? new DeadLetters({ broker, logger, group, topic: null, isRedrive: false })
        : null
    const stream: EventStream = new EventStream(
      {
        broker,
        codecFor,
        logger,
        ...(letters === null ? {} : { deadLetter: (...of) => letters.sendBroken(...of) }),
        onEnd: () => {
          letters?.close()
          this.open.remove(stream)
        },
      },
      topics,
      options,
    )
    this.open.add(stream)
    return stream
  }

  consume(topics: Topics, options: ConsumeOptions<never>, handler: Handler<never>): Consumer {
    const settings = consumeSettings(topics, options)
    const parts = this.#partsOf('consume', options.inbox, handler, oneByOne)
    return this.#add(new Consumer(parts, settings))
  }

  consumeBatches(
    topics: Topics,
    options: ConsumeBatchesOptions<never>,
    handler: BatchHandler<never>,
  ): Consumer {
    const settings = batchSettings(topics, options)
    const parts = this.#partsOf('consumeBatches', options.inbox, handler, asItIs)
    return this.#add(new Consumer(parts, settings))
  }

  async redrive(
    topic: string,
    options: ConsumeOptions<never>,
    handler: Handler<never>,
  ): Promise<ConsumerResult> {
    const settings = redriveSettings(topic, options)
    const parts = this.#partsOf('redrive', options.inbox, handler, oneByOne)
    return redrive({ settings, parts, onStart: (consumer) => this.#add(consumer) })
  }

  #add(consumer: Consumer): Consumer {
    this.open.add(consumer)
    return consumer
  }

  #partsOf<T>(
    call: string,
    inbox: unknown,
    handler: T,
    inBatches: (handler: T) => BatchHandler<never>,
  ): ConsumerParts {
    const { broker, codecFor, logger, inboxOf } = this.#parts
    if (typeof handler !== 'function') throw new OptionError(`${call}.handler`, handler, HANDLER)
    return {
      broker,
      codecFor,
      logger,
      inbox: inboxOf(`${call}.inbox`, inbox),
      handler: inBatches(handler),
      onEnd: (consumer) => this.open.remove(consumer),
    }
  }
}

const HANDLER = 'a function of what it is to handle: (event, { signal, tx }) => …'

function oneByOne(handler: Handler<never>): BatchHandler<never> {
  return ([event], context) => (event === undefined ? undefined : handler(event, context))
}

function asItIs(handler: BatchHandler<never>): BatchHandler<never> {
  return handler
}
