import type { AppendResult, PublishBatch, Refusal } from '../../core/broker.ts'
import type { BrokerError } from '../../core/errors.ts'
import type { Ack } from '../../core/outbox-store.ts'
import type { Outcome } from './produce.ts'

type Refused = Extract<AppendResult, { state: 'refused' }>

/** What a partition took, for the receipts. */
export function acksOf(outcomes: readonly Outcome[]): readonly Ack[] {
  return outcomes.flatMap((outcome): Ack[] =>
    outcome.state === 'written'
      ? [[outcome.batch.topic, outcome.batch.partition, String(outcome.baseOffset)]]
      : [],
  )
}

/** Refusals by the record where the broker said which, otherwise by the partition's batch. */
export function refusalsOf(outcomes: readonly Outcome[]): readonly Refusal[] {
  return outcomes.flatMap((outcome): Refusal[] => {
    if (outcome.state === 'written') return []
    const { batch, error, faulty } = outcome
    if (faulty.length === 0) return [{ indexes: batch.indexes, error }]
    return faulty.flatMap((at) => {
      const index = batch.indexes[at]
      return index === undefined ? [] : [{ indexes: [index], error }]
    })
  })
}

/** Topics that can't be written to, found before anything was sent. */
export function refuseTopics(
  batch: PublishBatch,
  problems: ReadonlyMap<string, BrokerError>,
): Refused {
  const indexes = new Map<string, number[]>()
  for (const [index, { topic }] of batch.records.entries()) {
    if (!problems.has(topic)) continue
    const own = indexes.get(topic)
    if (own === undefined) indexes.set(topic, [index])
    else own.push(index)
  }
  const refusals = Array.from(indexes, ([topic, own]) => ({
    indexes: own,
    error: problems.get(topic) as BrokerError,
  }))
  return { state: 'refused', written: [], acks: [], refusals }
}
