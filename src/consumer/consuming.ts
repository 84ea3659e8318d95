import type { Broker } from '../core/broker.ts'
import type { Codec } from '../core/codec.ts'
import { OptionError } from '../core/errors.ts'
import type { Inbox } from '../core/inbox.ts'
import type { Logger } from '../core/logger.ts'
import type { Topic } from '../core/topic.ts'
import { Consumer, type ConsumerParts } from './consume/consumer.ts'
import type { BatchHandler, Handler } from './consume/handling.ts'
import {
  batchSettings,
  type ConsumeBatchesOptions,
  type ConsumeOptions,
  consumeSettings,
  redriveSettings,
  type RepublishOptions,
  republishSettings,
} from './consume/options.ts'
import { redrive } from './consume/redrive.ts'
import { republish } from './consume/republish.ts'
import type { ConsumerResult } from './consume/report.ts'
import { DeadLetters } from './dead-letters.ts'
import { EventStream } from './stream/event-stream.ts'
import type { StreamOptions } from './stream/options.ts'
import { Subscriptions } from './subscriptions.ts'
import { codecsOf, nameOf, namesOf, type Topics } from './typed.ts'

export interface ConsumingParts {
  readonly broker: Broker
  readonly codecFor: (topic: string) => Codec
  readonly logger: Logger
  /** The inbox that an option means. Throws an `OptionError` with its name where it means none. */
  readonly inboxOf: (name: string, value: unknown) => Inbox | null
}

/** Opens what reads: streams, consumers and redrives. */
export class Consuming {
  readonly open: Subscriptions = new Subscriptions()
  readonly #parts: ConsumingParts

  constructor(parts: ConsumingParts) {
    this.#parts = parts
  }

  stream<T>(topics: Topics, options: StreamOptions = {}): EventStream<T> {
    const { broker, logger } = this.#parts
    // Of a type that nobody has checked yet.
    const group: unknown = (options as Partial<StreamOptions> | null)?.group
    const letters =
      typeof group === 'string'
        ? new DeadLetters({ broker, logger, group, topic: null, isRedrive: false })
        : null
    const stream: EventStream<T> = new EventStream(
      {
        broker,
        codecFor: codecsOf(topics, this.#parts.codecFor),
        logger,
        ...(letters === null ? {} : { deadLetter: (...of) => letters.sendBroken(...of) }),
        onEnd: () => {
          letters?.close()
          this.open.remove(stream)
        },
      },
      namesOf(topics),
      options,
    )
    this.open.add(stream)
    return stream
  }

  consume(
    topics: Topics,
    options: ConsumeOptions<never>,
    handler: Handler<never, never>,
  ): Consumer {
    const settings = consumeSettings(namesOf(topics), options)
    const own = oneByOne(requireHandler('consume', handler))
    return this.#add(new Consumer(this.#partsOf('consume', topics, options, own), settings))
  }

  consumeBatches(
    topics: Topics,
    options: ConsumeBatchesOptions<never>,
    handler: BatchHandler<never, never>,
  ): Consumer {
    const settings = batchSettings(namesOf(topics), options)
    const own = requireHandler('consumeBatches', handler)
    return this.#add(new Consumer(this.#partsOf('consumeBatches', topics, options, own), settings))
  }

  async redrive(
    topic: string | Topic,
    options: ConsumeOptions<never>,
    handler: Handler<never, never>,
  ): Promise<ConsumerResult> {
    const settings = redriveSettings(nameOf(topic), options)
    const own = oneByOne(requireHandler('redrive', handler))
    const parts = this.#partsOf('redrive', topic, options, own)
    return redrive({
      topic: nameOf(topic),
      settings,
      parts,
      ask: (asking) => this.open.ask(asking),
      onStart: (consumer) => this.#add(consumer),
    })
  }

  async republish(topic: string | Topic, options: RepublishOptions): Promise<ConsumerResult> {
    const { broker, logger } = this.#parts
    return republish({
      topic: nameOf(topic),
      settings: republishSettings(nameOf(topic), options),
      broker,
      logger,
      ask: (asking) => this.open.ask(asking),
      onStart: (consumer) => this.#add(consumer),
      onEnd: (consumer) => this.open.remove(consumer),
    })
  }

  #add(consumer: Consumer): Consumer {
    this.open.add(consumer)
    return consumer
  }

  #partsOf(
    call: string,
    topics: Topics,
    { inbox }: Pick<ConsumeOptions<never>, 'inbox'>,
    handler: BatchHandler<never, never>,
  ): ConsumerParts {
    const { broker, codecFor, logger, inboxOf } = this.#parts
    return {
      broker,
      codecFor: codecsOf(topics, codecFor),
      logger,
      inbox: inboxOf(`${call}.inbox`, inbox),
      handler,
      onEnd: (consumer) => this.open.remove(consumer),
    }
  }
}

function requireHandler<T>(call: string, handler: T): T {
  if (typeof handler === 'function') return handler
  const takes = 'a function of what it is to handle: (event, { signal, tx }) => …'
  throw new OptionError(`${call}.handler`, handler, takes)
}

function oneByOne(handler: Handler<never, never>): BatchHandler<never, never> {
  return ([event], context) => (event === undefined ? undefined : handler(event, context))
}
