import type { ConnectionOptions } from 'node:tls'
import { isIP } from 'node:net'
import { OptionError } from '../../core/errors.ts'
import { knownOptions, oneOf, text, wholeNumber } from '../../core/options.ts'
import { topicNameProblem } from '../../core/topic-name.ts'
import type { KafkaConnection } from './kafka-client.ts'

/** How the client proves who it is. */
export interface KafkaSasl {
  readonly mechanism: 'PLAIN' | 'SCRAM-SHA-256' | 'SCRAM-SHA-512' | 'OAUTHBEARER' | 'GSSAPI'
  readonly username?: string | (() => string | Promise<string>)
  readonly password?: string | (() => string | Promise<string>)
  /** For OAUTHBEARER. */
  readonly token?: string | (() => string | Promise<string>)
}

const GROUP_PROTOCOLS = ['classic', 'consumer'] as const

/** How members of a group share its partitions. */
export type GroupProtocol = (typeof GROUP_PROTOCOLS)[number]

const COMPRESSIONS = ['none', 'lz4', 'gzip', 'snappy', 'zstd'] as const

export interface KafkaOptions {
  /** Some of the cluster's brokers, `host:port` each. The others are found through them. */
  readonly brokers: readonly string[]
  /**
   * `exactly-once` publishes in transactions: a committed-only reader sees each event once, and a
   * relay that was taken for dead is shut out. `at-least-once` needs no transactions and is a
   * little faster; after a fault the two newest batches may come again. @defaultValue 'exactly-once'
   */
  readonly guarantee?: 'exactly-once' | 'at-least-once'
  /** How the clients are called in the broker's logs and metrics. @defaultValue 'oncommit' */
  readonly clientId?: string
  /** @defaultValue no authentication */
  readonly sasl?: KafkaSasl
  /** `true`, or Node's own settings for TLS. @defaultValue no TLS */
  readonly tls?: boolean | ConnectionOptions
  /** Of record batches. It runs in the event loop: `lz4` costs the least. @defaultValue 'none' */
  readonly compression?: (typeof COMPRESSIONS)[number]
  /**
   * Most bytes of one record. The brokers and topics must take as much (`max.message.bytes`, by
   * default 1,048,588 less a little overhead). @defaultValue 1_000_000
   */
  readonly maxRecordBytes?: number
  /**
   * The compacted topic that says in each transaction which events it holds. It is made where it
   * is missing. Readers of other topics never see it. @defaultValue '__oncommit_markers'
   */
  readonly markerTopic?: string
  /** Replication of the marker topic when it is made. @defaultValue the brokers' own default */
  readonly markerReplication?: number
  /** How long a batch may take before the brokers count as away. @defaultValue 5_000 */
  readonly publishTimeoutMs?: number
  /**
   * How long a transaction may stay open before the broker aborts it: longer than publishTimeoutMs,
   * and as short as may be, since an open one holds up committed-only readers. @defaultValue 10_000
   */
  readonly transactionTimeoutMs?: number
  /**
   * How streams and consumers join their group (Kafka's `group.protocol`). With `classic` the whole
   * group stops for each member that comes or goes. With `consumer` (KIP-848, Kafka 4) the brokers
   * say who reads what, and only members that give or get partitions stop. What is in hand is waited
   * for with both. With `consumer` the session is the brokers' (`group.consumer.session.timeout.ms`):
   * the `sessionTimeout` of a stream only limits how long the group waits for what is in hand.
   * @defaultValue 'classic'
   */
  readonly groupProtocol?: GroupProtocol
  /** Further settings of `@platformatic/kafka`, passed through as they are. @defaultValue none */
  readonly client?: Readonly<Record<string, unknown>>
}

/** All options, with their defaults applied. */
export interface KafkaSettings {
  readonly connection: KafkaConnection
  readonly guarantee: 'exactly-once' | 'at-least-once'
  readonly compression: (typeof COMPRESSIONS)[number]
  readonly maxRecordBytes: number
  readonly markerTopic: string
  /** -1 is the brokers' default. */
  readonly markerReplication: number
  readonly publishTimeoutMs: number
  readonly transactionTimeoutMs: number
  readonly groupProtocol: GroupProtocol
}

const NAMES: readonly (keyof KafkaOptions)[] = [
  'brokers',
  'guarantee',
  'clientId',
  'sasl',
  'tls',
  'compression',
  'maxRecordBytes',
  'markerTopic',
  'markerReplication',
  'publishTimeoutMs',
  'transactionTimeoutMs',
  'groupProtocol',
  'client',
]

/** Checks the options and applies the defaults. Throws an `OptionError`. */
export function readKafkaOptions(options: KafkaOptions): KafkaSettings {
  knownOptions('kafka', options, NAMES)
  const publishTimeoutMs = wholeNumber(
    'kafka.publishTimeoutMs',
    options.publishTimeoutMs ?? 5_000,
    { min: 100, max: 600_000 },
  )
  const replication = options.markerReplication
  return Object.freeze({
    connection: readConnection(options, publishTimeoutMs),
    guarantee: oneOf('kafka.guarantee', options.guarantee ?? 'exactly-once', [
      'exactly-once',
      'at-least-once',
    ]),
    compression: oneOf('kafka.compression', options.compression ?? 'none', COMPRESSIONS),
    maxRecordBytes: wholeNumber('kafka.maxRecordBytes', options.maxRecordBytes ?? 1_000_000, {
      min: 1_000,
      max: 90_000_000,
    }),
    markerTopic: readMarkerTopic(options.markerTopic ?? '__oncommit_markers'),
    markerReplication:
      replication === undefined
        ? -1
        : wholeNumber('kafka.markerReplication', replication, { min: 1, max: 100 }),
    publishTimeoutMs,
    transactionTimeoutMs: wholeNumber(
      'kafka.transactionTimeoutMs',
      options.transactionTimeoutMs ?? Math.max(10_000, 2 * publishTimeoutMs),
      { min: publishTimeoutMs + 1, max: 900_000 },
    ),
    groupProtocol: oneOf(
      'kafka.groupProtocol',
      options.groupProtocol ?? 'classic',
      GROUP_PROTOCOLS,
    ),
  })
}

function readMarkerTopic(topic: string): string {
  const problem = topicNameProblem(text('kafka.markerTopic', topic))
  if (problem !== null)
    throw new OptionError('kafka.markerTopic', topic, `a name that Kafka takes: ${problem}`)
  return topic
}

function readConnection(options: KafkaOptions, publishTimeoutMs: number): KafkaConnection {
  const brokers = readBrokers(options.brokers)
  const clientId = text('kafka.clientId', options.clientId ?? 'oncommit')
  if (/\s/.test(clientId))
    throw new OptionError('kafka.clientId', clientId, 'a text without spaces')
  const tls = readTls(options.tls)
  const sasl = options.sasl
  if (sasl !== undefined) readSasl(sasl)
  const further = options.client ?? {}
  if (typeof further !== 'object' || further === null || Array.isArray(further))
    throw new OptionError('kafka.client', further, 'an object of settings')
  return {
    clientId,
    clientOptions: Object.freeze({
      // Leaves time to try another broker where one does not answer.
      connectTimeout: Math.ceil(publishTimeoutMs / 2),
      requestTimeout: publishTimeoutMs,
      ...(tls === undefined
        ? {}
        : { tls, tlsServerName: !brokers.some((broker) => isIP(hostOf(broker)) !== 0) }),
      ...(sasl === undefined ? {} : { sasl }),
      ...further,
      clientId,
      bootstrapBrokers: brokers,
    }),
  }
}

function readBrokers(brokers: unknown): readonly string[] {
  if (!Array.isArray(brokers) || brokers.length === 0)
    throw new OptionError('kafka.brokers', brokers, "an array of 'host:port'")
  return Object.freeze(Array.from(brokers, readBroker))
}

function readBroker(broker: unknown, index: number): string {
  const option = `kafka.brokers[${index}]`
  if (typeof broker !== 'string' || broker.trim() === '')
    throw new OptionError(option, broker, "'host:port'; is an environment variable missing?")
  const [, scheme, rest = ''] = /^([a-z][\w+.-]*:\/\/)(.*)$/i.exec(broker) ?? []
  if (scheme !== undefined) {
    // Without what stands before the host, which may be a password.
    const place = rest.slice(rest.lastIndexOf('@') + 1).replace(/[/?#].*$/, '')
    throw new OptionError(option, `${scheme}${place}`, `'host:port' alone: '${place}'`)
  }
  if (broker.includes(','))
    throw new OptionError(option, broker, "one 'host:port': split a list with .split(',')")
  if (!/^\S+$/.test(broker) || !portOf(broker)) throw new OptionError(option, broker, "'host:port'")
  return broker
}

function portOf(broker: string): boolean {
  const port = /:(\d+)$/.exec(broker)?.[1]
  return port === undefined ? !broker.includes(':') : Number(port) > 0 && Number(port) < 65_536
}

function hostOf(broker: string): string {
  return broker.replace(/:\d+$/, '').replace(/^\[|\]$/g, '')
}

function readTls(tls: unknown): object | undefined {
  if (tls === undefined || tls === false) return undefined
  if (tls === true) return {}
  if (typeof tls === 'object' && tls !== null) return tls
  throw new OptionError('kafka.tls', tls, "true, false or Node's settings for TLS")
}

function readSasl(sasl: KafkaSasl): void {
  if (typeof sasl !== 'object' || sasl === null)
    throw new OptionError('kafka.sasl', sasl, 'an object with a mechanism')
  oneOf('kafka.sasl.mechanism', sasl.mechanism, [
    'PLAIN',
    'SCRAM-SHA-256',
    'SCRAM-SHA-512',
    'OAUTHBEARER',
    'GSSAPI',
  ])
}
