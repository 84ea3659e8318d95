import type { Clock } from '../../core/clock.ts'
import { BrokerError, reasonOf } from '../../core/errors.ts'
import type { GroupMembership } from '../../core/log.ts'
import type { Logger } from '../../core/logger.ts'
import type { Bell } from './bell.ts'
import type { PartitionMark } from './marks.ts'
import { type Patience, unlessAborted } from './patience.ts'

/** How long to wait at least where the group is gathering, or a topic is gone. */
const REFUSED_MS = 50

export interface CommitterParts {
  readonly clock: Clock
  readonly logger: Logger
  readonly patience: Patience
  /** The marks of the partitions that are the reader's now. */
  readonly marks: () => Iterable<PartitionMark>
  /** Rings when a mark may have moved. */
  readonly progress: Bell
}

/** Commits marks, one request at a time, always the newest. */
export class Committer {
  readonly #parts: CommitterParts
  #membership: GroupMembership | null = null
  #flying: Promise<boolean> | null = null
  #missing: string | null = null

  constructor(parts: CommitterParts) {
    this.#parts = parts
  }

  /** Before this there is nothing to commit to. */
  begin(membership: GroupMembership): void {
    this.#membership = membership
  }

  /**
   * Resolves when the broker has every mark as it was now; `false` where one was refused, because
   * the partition is not this member's in that generation or its topic is gone. A broker that is
   * away is asked until `signal` aborts: then it rejects with its reason, as it does with a
   * `BrokerError` that no waiting cures.
   */
  async flush(signal: AbortSignal): Promise<boolean> {
    // One in flight may have left before the newest mark: wait, then look again.
    while (this.#flying !== null) {
      signal.throwIfAborted()
      await unlessAborted(this.#flying, signal).catch(ignore)
    }
    signal.throwIfAborted()
    const flying = this.#commit(signal).finally(() => {
      this.#flying = null
    })
    this.#flying = flying
    return flying
  }

  /** Commits whenever marks have moved, `intervalMs` apart, until `signal` aborts. Rejects as `flush`. */
  async run(intervalMs: number, signal: AbortSignal): Promise<void> {
    const { clock, progress } = this.#parts
    for (let isTaken = true; ;) {
      if (this.#due().length === 0) await unlessAborted(progress.heard(), signal)
      await clock.sleep(isTaken ? intervalMs : Math.max(intervalMs, REFUSED_MS), signal)
      isTaken = await this.flush(signal)
    }
  }

  async #commit(signal: AbortSignal): Promise<boolean> {
    const membership = this.#membership
    const due = this.#due().map((mark) => ({ mark, offset: mark.offset }))
    if (membership === null || due.length === 0) return true
    const marks = due.map(({ offset, mark: { topic, partition, generation } }) => {
      return { topic, partition, offset, generation }
    })
    try {
      const areTaken = await this.#parts.patience.ask(
        { asking: 'commit', signal, except: 'topic-unavailable' },
        () => membership.commit(marks),
      )
      this.#missing = null
      // Nobody says which one was refused: all are sent again, which moves nothing back.
      if (areTaken) for (const { mark, offset } of due) mark.committed = offset
      return areTaken
    } catch (error) {
      if (!(error instanceof BrokerError) || error.forbidden || error.kind !== 'topic-unavailable')
        throw error
      this.#warnOnce(error)
      return false
    }
  }

  #due(): PartitionMark[] {
    const due: PartitionMark[] = []
    for (const mark of this.#parts.marks()) if (mark.offset !== mark.committed) due.push(mark)
    return due
  }

  /** The marks of a topic that is gone hold nothing up: they are sent again with the next ones. */
  #warnOnce(error: BrokerError): void {
    const reason = reasonOf(error)
    if (reason !== this.#missing) this.#parts.logger.warn(`oncommit: not committed: ${reason}`)
    this.#missing = reason
  }
}

const ignore = (): void => {}
