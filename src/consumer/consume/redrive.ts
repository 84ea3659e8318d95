import { systemClock } from '../../core/clock.ts'
import type { LogRecord } from '../../core/codec.ts'
import type { Position } from '../../core/log.ts'
import { closeClient } from '../reading/client.ts'
import { provenanceOf } from '../dead-letters.ts'
import { partitionName } from '../reading/start-offsets.ts'
import { Consumer, type ConsumerParts } from './consumer.ts'
import type { ConsumeSettings } from './options.ts'
import type { ConsumerResult } from './report.ts'

/** How often it looks whether all is done. */
const LOOK_MS = 20

export interface Redrive {
  /** Where the events were. */
  readonly topic: string
  /** They read the dead letters. */
  readonly settings: ConsumeSettings
  readonly parts: Omit<ConsumerParts, 'redrive'>
  /** Rejects, once it is answered, where nothing may be opened any more. */
  readonly ask: <T>(asking: Promise<T>) => Promise<T>
  readonly onStart: (consumer: Consumer) => void
}

/**
 * Gives the dead letters that are there now to a handler, as the events that they were, and ends.
 * Those of other topics and groups, and what is no dead letter, are passed over. What fails again is
 * a dead letter again, behind these. Several at once share the partitions.
 */
export async function redrive({
  topic,
  settings,
  parts,
  ask,
  onStart,
}: Redrive): Promise<ConsumerResult> {
  const ends = await ask(endsOf(settings.reading.topics, parts))
  const isWanted = (record: LogRecord): boolean => {
    const from = provenanceOf(record)
    return from?.topic === topic && from.group === settings.group
  }
  const consumer = new Consumer({ ...parts, redrive: { ends, isWanted } }, settings)
  onStart(consumer)
  const { clock = systemClock } = parts
  const over = new AbortController()
  const finish = (): void => over.abort()
  void consumer.closed.then(finish, finish)
  while (!over.signal.aborted && !isDone(consumer, ends)) await clock.sleep(LOOK_MS, over.signal)
  await consumer.stop()
  return consumer.closed
}

async function endsOf(
  topics: readonly string[],
  { broker, logger }: Redrive['parts'],
): Promise<ReadonlyMap<string, bigint>> {
  const client = await broker.openLog({ clientId: 'oncommit-redrive' })
  try {
    const ends: readonly Position[] = await client.offsets(
      await client.partitions(topics),
      'latest',
    )
    return new Map(ends.map((end) => [partitionName(end), end.offset]))
  } finally {
    await closeClient(client, logger)
  }
}

function isDone(consumer: Consumer, ends: ReadonlyMap<string, bigint>): boolean {
  const { state } = consumer.health()
  if (state === 'starting' || state === 'rebalancing' || state === 'reconnecting') return false
  return consumer.lag().every((at) => at.mark >= (ends.get(partitionName(at)) ?? 0n))
}
