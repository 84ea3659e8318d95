import { kafka } from '../brokers/kafka/index.ts'
import { local } from '../brokers/local/index.ts'
import type { Broker } from '../core/broker.ts'
import { OptionError } from '../core/errors.ts'
import type { OutboxStore } from '../core/outbox-store.ts'
import { postgres } from '../stores/postgres/index.ts'
import { sqlite } from '../stores/sqlite/index.ts'

/** Options that say where the database is. */
export interface StoreFlags {
  /** `postgres://…`, or `sqlite:FILE`. */
  readonly url?: string
  readonly directUrl?: string
  readonly schema?: string
}

/** Options that say where the broker is. */
export interface BrokerFlags {
  readonly kafka?: string
  readonly local?: string
  readonly guarantee?: string
}

export function storeFrom(flags: StoreFlags, environment: NodeJS.ProcessEnv): OutboxStore {
  const url = flags.url ?? environment['DATABASE_URL']
  if (url === undefined) {
    throw new OptionError(
      '--url',
      url,
      'postgres://… or sqlite:FILE (or DATABASE_URL in the environment)',
    )
  }
  const file = /^sqlite:(?:\/\/)?(.+)$/.exec(url)?.[1]
  if (file !== undefined) return sqlite({ file })
  if (!/^postgres(ql)?:\/\//.test(url)) {
    throw new OptionError('--url', url.replace(/:[^:@/]*@/, ':***@'), 'postgres://… or sqlite:FILE')
  }
  return postgres({
    url,
    ...(flags.directUrl === undefined ? {} : { directUrl: flags.directUrl }),
    ...(flags.schema === undefined ? {} : { schema: flags.schema }),
  })
}

export function brokerFrom(flags: BrokerFlags, environment: NodeJS.ProcessEnv): Broker {
  if (flags.local !== undefined) return local({ file: flags.local })
  const brokers = flags.kafka ?? environment['KAFKA_BROKERS']
  if (brokers === undefined) {
    throw new OptionError(
      '--kafka',
      brokers,
      'host:port, or several with commas (or KAFKA_BROKERS in the environment), or --local FILE',
    )
  }
  return kafka({
    brokers: brokers.split(',').map((broker) => broker.trim()),
    guarantee: (flags.guarantee ?? 'exactly-once') as 'exactly-once',
  })
}
