import { BrokerError } from '../../core/errors.ts'
import type { LogDatabase } from './log-database.ts'

/** A topic with the row ids of its partitions, by their number. It never changes once made. */
export interface Topic {
  readonly name: string
  readonly partitionIds: readonly number[]
}

/** Which topics there are. */
export class Topics {
  readonly #database: LogDatabase
  readonly #known = new Map<string, Topic>()

  constructor(database: LogDatabase) {
    this.#database = database
  }

  find(name: string): Topic | null {
    const known = this.#known.get(name)
    if (known !== undefined) return known
    const partitionIds = selectPartitionIds(this.#database, name)
    if (partitionIds.length === 0) return null
    const topic: Topic = { name, partitionIds }
    this.#known.set(name, topic)
    return topic
  }

  /** Makes a topic, or gives the one that there is. Not inside a transaction. */
  create(name: string, partitions: number): Topic {
    this.#database.transaction(() => {
      if (selectPartitionIds(this.#database, name).length === 0)
        insertTopic(this.#database, name, partitions)
    })
    const topic = this.find(name)
    if (topic === null) throw new BrokerError('unknown', `topic ${name} was made and is not there`)
    return topic
  }
}

function selectPartitionIds(database: LogDatabase, topic: string): readonly number[] {
  const rows = database
    .statement(
      `select partitions.id
         from topics join partitions on partitions.topic_id = topics.id
        where topics.name = ?
        order by partitions.number`,
    )
    .all(topic) as { id: number }[]
  return rows.map((row) => row.id)
}

function insertTopic(database: LogDatabase, name: string, partitions: number): void {
  const { lastInsertRowid } = database.statement('insert into topics (name) values (?)').run(name)
  const insert = database.statement('insert into partitions (topic_id, number) values (?, ?)')
  for (let number = 0; number < partitions; number++) insert.run(lastInsertRowid, number)
}
