import type { Clock } from '../../core/clock.ts'
import { BrokerError } from '../../core/errors.ts'
import { Changes } from './changes.ts'
import { Faults } from './faults.ts'
import { Groups } from './groups.ts'
import type { LocalSettings } from './local-options.ts'
import { LogDatabase } from './log-database.ts'
import { Publishers } from './publishers.ts'
import { topicNameProblem } from '../../core/topic-name.ts'
import { type Topic, Topics } from './topics.ts'

/** What the publishers and readers of one broker share. */
export interface LocalLog {
  readonly settings: LocalSettings
  readonly clock: Clock
  readonly database: LogDatabase
  readonly changes: Changes
  readonly faults: Faults
  readonly topics: Topics
  readonly groups: Groups
  readonly publishers: Publishers
}

export function openLocalLog(settings: LocalSettings): LocalLog {
  const { clock } = settings
  const database = new LogDatabase(settings.file, settings.synchronous)
  const topics = new Topics(database)
  return {
    settings,
    clock,
    database,
    topics,
    changes: new Changes(database, clock),
    faults: new Faults(clock),
    groups: new Groups(database, topics),
    publishers: new Publishers(database),
  }
}

/** The topic, made where that is allowed. Throws a `BrokerError` of kind `topic-unavailable`. */
export function useTopic(log: LocalLog, name: string): Topic {
  const error = log.faults.topicError(name)
  if (error !== null) throw error
  const topic = log.topics.find(name)
  if (topic !== null) return topic
  const { autoCreateTopics, partitions } = log.settings
  const problem = topicNameProblem(name) ?? (autoCreateTopics ? null : 'there is none')
  if (problem !== null)
    throw new BrokerError('topic-unavailable', `topic ${name}: ${problem}`, { topic: name })
  return makeTopic(log, name, partitions)
}

/** Makes a topic, or gives the one that there is. Groups that wait for it get its partitions. */
export function makeTopic(log: LocalLog, name: string, partitions: number): Topic {
  const topic = log.topics.create(name, partitions)
  log.groups.topicAdded(name, log.clock.now())
  log.changes.notify()
  return topic
}
