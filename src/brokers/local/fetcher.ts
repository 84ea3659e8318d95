import { BrokerError, OffsetLostError } from '../../core/errors.ts'
import type { FetchOptions, Page, Position } from '../../core/log.ts'
import { toBrokerError } from './failures.ts'
import { type LocalLog, useTopic } from './local-log.ts'
import { selectBounds, selectRecords } from './records.ts'

interface Room {
  bytes: number
}

/** Reads pages of records, and waits for the first where there are none. */
export class Fetcher {
  readonly #log: LocalLog
  /** Which partition is read first: each in turn, as the first may use up all bytes. */
  #turn = 0

  constructor(log: LocalLog) {
    this.#log = log
  }

  async fetch(positions: readonly Position[], options: FetchOptions): Promise<readonly Page[]> {
    const { changes, clock, faults } = this.#log
    const { signal } = options
    const deadline = clock.monotonic() + options.maxWaitMs
    for (;;) {
      const seen = changes.seen()
      await faults.reach(signal)
      const pages = this.#read(positions, options)
      if (pages.some((page) => page.records.length > 0 || page.error !== null)) return pages
      const left = deadline - clock.monotonic()
      if (left <= 0) return pages
      await changes.wait(seen, left, signal)
      signal.throwIfAborted()
    }
  }

  #read(positions: readonly Position[], options: FetchOptions): readonly Page[] {
    const first = positions.length === 0 ? 0 : this.#turn++ % positions.length
    const inTurn = [...positions.slice(first), ...positions.slice(0, first)]
    const room: Room = { bytes: 0 }
    const pages = inTurn.map((position) => this.#page(position, options, room))
    return [...pages.slice(pages.length - first), ...pages.slice(0, pages.length - first)]
  }

  #page(position: Position, options: FetchOptions, room: Room): Page {
    try {
      const id = useTopic(this.#log, position.topic).partitionIds[position.partition]
      if (id === undefined) throw noPartition(position)
      return this.#log.database.snapshot(() => this.#readPartition(id, position, options, room))
    } catch (error) {
      const failure = toBrokerError(error)
      const isItsOwn =
        failure instanceof OffsetLostError ||
        (failure instanceof BrokerError && failure.kind === 'topic-unavailable')
      if (!isItsOwn) throw failure
      return emptyPage(position, failure)
    }
  }

  #readPartition(id: number, position: Position, options: FetchOptions, room: Room): Page {
    const { database } = this.#log
    const { start, next } = selectBounds(database, id)
    if (position.offset < start || position.offset > next) {
      const where = `${position.topic}/${position.partition}`
      const message = `${where} has offsets from ${start} to ${next}, not ${position.offset}`
      throw new OffsetLostError(message, position)
    }
    const { records, bytes } = selectRecords(
      database,
      { partitionId: id, offset: Number(position.offset) },
      {
        maxBytes: Math.min(options.maxPartitionBytes, options.maxBytes - room.bytes),
        isFirst: room.bytes === 0,
      },
    )
    room.bytes += bytes
    const last = records.at(-1)
    return {
      topic: position.topic,
      partition: position.partition,
      records,
      nextOffset: last === undefined ? position.offset : last.offset + 1n,
      endOffset: BigInt(next),
      error: null,
    }
  }
}

function emptyPage(position: Position, error: Page['error']): Page {
  const { topic, partition, offset } = position
  return { topic, partition, records: [], nextOffset: offset, endOffset: offset, error }
}

function noPartition({ topic, partition }: Position): BrokerError {
  return new BrokerError('topic-unavailable', `topic ${topic} has no partition ${partition}`, {
    topic,
  })
}
