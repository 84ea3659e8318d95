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
  /** The inbox that the option means. Throws an `OptionError` where it means none. */
  readonly inboxOf: (option: unknown) => Inbox | null
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
    return this.#add(new Consumer(this.#partsOf(options.inbox, oneByOne(handler)), settings))
  }

  consumeBatches(
    topics: Topics,
    options: ConsumeBatchesOptions<never>,
    handler: BatchHandler<never>,
  ): Consumer {
    const settings = batchSettings(topics, options)
    return this.#add(new Consumer(this.#partsOf(options.inbox, handler), settings))
  }

  async redrive(
    topic: string,
    options: ConsumeOptions<never>,
    handler: Handler<never>,
  ): Promise<ConsumerResult> {
    const settings = redriveSettings(topic, options)
    const parts = this.#partsOf(options.inbox, oneByOne(handler))
    return redrive({ settings, parts, onStart: (consumer) => this.#add(consumer) })
  }

  #add(consumer: Consumer): Consumer {
    this.open.add(consumer)
    return consumer
  }

  #partsOf(inbox: unknown, handler: BatchHandler<never>): ConsumerParts {
    const { broker, codecFor, logger, inboxOf } = this.#parts
    return {
      broker,
      codecFor,
      logger,
      inbox: inboxOf(inbox),
      handler: requireHandler(handler),
      onEnd: (consumer) => this.open.remove(consumer),
    }
  }
}

function oneByOne(handler: Handler<never>): BatchHandler<never> {
  requireHandler(handler)
  return ([event], context) => (event === undefined ? undefined : handler(event, context))
}

function requireHandler<T>(handler: T): T {
  if (typeof handler === 'function') return handler
  throw new OptionError(
    'consume.handler',
    handler,
    'a function of the event: (event, { signal, tx }) => …',
  )
}
