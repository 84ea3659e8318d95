import type { Broker, Publisher, PublisherOptions, TopicRecord } from '../../core/broker.ts'
import { BrokerError, OptionError } from '../../core/errors.ts'
import type { LogClient } from '../../core/log.ts'
import { wholeNumber } from '../../core/options.ts'
import { topicNameProblem } from '../../core/topic-name.ts'
import { toBrokerError } from './failures.ts'
import { LocalLogClient } from './log-client.ts'
import { type LocalLog, makeTopic, openLocalLog, useTopic } from './local-log.ts'
import { type LocalOptions, MOST_PARTITIONS, readLocalOptions } from './local-options.ts'
import { openLocalProducer } from './producer.ts'
import { LocalPublisher } from './publisher.ts'

/**
 * A broker without a server. What its faults do, they do in this process and to this object: other
 * programs that share the file see a log that works.
 */
export interface LocalBroker extends Broker {
  /** Makes a topic, unless there is one of that name. @defaultValue `partitions` of the options */
  createTopic(topic: string, partitions?: number): Promise<void>

  /** The broker can't be reached until `away(false)`: publishers wait, everything else rejects. */
  away(on?: boolean): void
  /** Refuses the records that `predicate` says yes to, as `event-refused`; `null` ends it. */
  refuse(predicate: ((record: TopicRecord) => boolean) | null): void
  /** Nothing can be written to or read from the topic until `unavailable(topic, false)`. */
  unavailable(topic: string, on?: boolean): void
  /** The next batch is published, and its publisher told that nobody knows. */
  ackLost(): void
  /** Every request takes `ms` longer; 0 ends it. */
  slow(ms: number): void

  /** Shares the group's partitions anew. Resolves when they are assigned. */
  rebalance(group: string): Promise<void>
  /** Expels one member, or all, without asking. They are told, and join again. */
  expel(group: string, memberId?: string): Promise<void>
  /** The ids of the group's members, the longest standing first. */
  members(group: string): Promise<readonly string[]>
  /** Resolves when every group that has members has committed all that its topics hold. */
  idle(): Promise<void>
}

/** How long a wait for the log to change may take before it is looked at again. */
const LOOK_AGAIN_MS = 1_000

/**
 * A broker in this process, or in a file that processes share: topics, partitions, offsets and
 * consumer groups like Kafka's, for development, tests and programs that need no server. In memory
 * the log lives as long as this object, whichever buses use it. Throws an `OptionError`.
 *
 * @example
 * const broker = local({ file: 'events.log' })
 * const bus = new EventBus({ store: sqlite({ file: 'shop.db' }), broker })
 */
export function local(options: LocalOptions = {}): LocalBroker {
  const settings = readLocalOptions(options)
  const log = openLocalLog(settings)
  const isFenced = settings.guarantee === 'exactly-once'
  return {
    name: 'local',
    capabilities: Object.freeze({
      guarantee: settings.guarantee,
      fence: isFenced,
      awaitsRevocation: true,
    }),
    maxRecordBytes: settings.maxRecordBytes,
    topicProblem: topicNameProblem,
    openPublisher: async (publisher) =>
      asked(log, publisher.signal, (): Publisher => openPublisher(log, publisher)),
    fence: async (fence, signal) =>
      isFenced ? asked(log, signal, () => log.publishers.fence(fence)) : [],
    forget: async (fence) => {
      if (isFenced) await asked(log, undefined, () => log.publishers.forget(fence))
    },
    probe: async (topic, signal) => {
      await asked(log, signal, () => useTopic(log, topic))
    },
    openProducer: async (producer) => Promise.resolve(openLocalProducer(log, producer)),
    openLog: async (client) =>
      asked(log, undefined, (): LogClient => new LocalLogClient(log, client)),
    close: async () => asked(log, undefined, () => log.database.close()),
    createTopic: async (topic, partitions) => createTopic(log, topic, partitions),
    ...faultsOf(log),
    ...groupsOf(log),
  }
}

function openPublisher(log: LocalLog, options: PublisherOptions): Publisher {
  return new LocalPublisher(log, options)
}

function faultsOf({
  faults,
  changes,
}: LocalLog): Pick<LocalBroker, 'away' | 'refuse' | 'unavailable' | 'ackLost' | 'slow'> {
  return {
    away: (on = true) => {
      faults.setAway(on)
      changes.notify()
    },
    refuse: (predicate) => faults.setRefuses(predicate),
    unavailable: (topic, on = true) => {
      faults.setUnavailable(topic, on)
      changes.notify()
    },
    ackLost: () => faults.loseNextAck(),
    slow: (ms) => faults.setSlow(wholeNumber('local.slow', ms, { min: 0 })),
  }
}

function groupsOf(log: LocalLog): Pick<LocalBroker, 'rebalance' | 'expel' | 'members' | 'idle'> {
  const { groups, changes, clock } = log
  return {
    rebalance: async (group) => {
      if (groups.members(group).length === 0) return
      const generation = groups.generation(group)
      groups.rebalance(group, clock.now())
      changes.notify()
      await until(log, () => groups.generation(group) > generation)
    },
    expel: (group, memberId) => {
      groups.expel(group, memberId, clock.now())
      changes.notify()
      return Promise.resolve()
    },
    members: async (group) => groups.members(group),
    idle: async () => until(log, () => groups.isIdle()),
  }
}

async function createTopic(
  log: LocalLog,
  topic: string,
  partitions: number = log.settings.partitions,
): Promise<void> {
  const problem = topicNameProblem(topic)
  if (problem !== null)
    throw new OptionError('createTopic.topic', topic, `a topic's name: ${problem}`)
  wholeNumber('createTopic.partitions', partitions, { min: 1, max: MOST_PARTITIONS })
  await asked(log, undefined, () => {
    if (log.topics.find(topic) === null) makeTopic(log, topic, partitions)
  })
}

/** Does what a broker is asked for, unless it is away. */
async function asked<T>(log: LocalLog, signal: AbortSignal | undefined, work: () => T): Promise<T> {
  try {
    await log.faults.reach(signal)
    return work()
  } catch (error) {
    if (error instanceof BrokerError) throw error
    signal?.throwIfAborted()
    throw toBrokerError(error)
  }
}

async function until(log: LocalLog, isSo: () => boolean): Promise<void> {
  for (;;) {
    const seen = log.changes.seen()
    if (isSo()) return
    await log.changes.wait(seen, LOOK_AGAIN_MS)
  }
}
