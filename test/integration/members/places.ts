import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { kafka, type KafkaOptions } from '../../../src/brokers/kafka/index.ts'
import { local } from '../../../src/brokers/local/index.ts'
import type { Broker } from '../../../src/core/broker.ts'
import { type Address, createTopic, sharedKafka } from '../../servers/index.ts'
import { freshTopic } from '../stream/places.ts'
import { Members } from './members.ts'
import type { At, Task } from './task.ts'

/** A broker that programs share. */
export interface SharedPlace extends AsyncDisposable {
  readonly at: At
  readonly broker: Broker
  /** Of diaries and databases. */
  readonly folder: string
  /** As short as the broker takes it. */
  readonly sessionTimeout: number
  /** Makes a topic, under a name of its own unless told otherwise. */
  newTopic(partitions: number, topic?: string): Promise<string>
  /** Members of a group; none is started. */
  members(task: Omit<Task, 'diary' | 'at'>): Members
}

export const sharedPlaces: Readonly<Record<string, () => Promise<SharedPlace>>> = {
  'the local broker': localPlace,
  Kafka: async () => kafkaPlace(await sharedKafka()),
}

/** The places above, and others where the same is promised of groups alone. */
export const groupPlaces: typeof sharedPlaces = {
  ...sharedPlaces,
  'Kafka with the consumer group protocol': async () =>
    kafkaPlace(await sharedKafka(), { groupProtocol: 'consumer' }),
}

async function localPlace(): Promise<SharedPlace> {
  const folder = await newFolder()
  const at = { file: join(folder, 'log.db'), synchronous: 'normal' } as const
  const broker = local({ ...at, autoCreateTopics: true })
  return {
    ...shared(at, folder),
    broker,
    sessionTimeout: 3_000,
    newTopic: async (partitions, topic = freshTopic()) => {
      await broker.createTopic(topic, partitions)
      return topic
    },
    [Symbol.asyncDispose]: async () => {
      await broker.close()
      await rm(folder, { recursive: true })
    },
  }
}

export async function kafkaPlace(
  server: Address,
  options: Pick<KafkaOptions, 'groupProtocol'> = {},
): Promise<SharedPlace> {
  const folder = await newFolder()
  const broker = kafka({ brokers: [server.address], ...options })
  return {
    ...shared({ address: server.address, ...options }, folder),
    broker,
    sessionTimeout: 6_000,
    newTopic: async (partitions, topic = freshTopic()) => {
      await createTopic(server, topic, { partitions })
      return topic
    },
    [Symbol.asyncDispose]: async () => {
      await broker.close()
      await rm(folder, { recursive: true })
    },
  }
}

function newFolder(): Promise<string> {
  return mkdtemp(join(tmpdir(), 'oncommit-members-'))
}

function shared(at: At, folder: string): Pick<SharedPlace, 'at' | 'folder' | 'members'> {
  return { at, folder, members: (task) => new Members(folder, { at, ...task }) }
}
