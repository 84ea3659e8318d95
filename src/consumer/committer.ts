import { backoffMs } from '../core/backoff.ts'
import type { Clock } from '../core/clock.ts'
import { BrokerError } from '../core/errors.ts'
import type { GroupMembership } from '../core/log.ts'
import type { PartitionMark } from './marks.ts'

const RETRY = { firstMs: 50, maxMs: 2_000, jitter: 0.2 }

/** Commits marks, one request at a time, always the newest. */
export class Committer {
  readonly #clock: Clock
  readonly #marks: () => Iterable<PartitionMark>
  #membership: GroupMembership | null = null
  #flying: Promise<void> | null = null

  constructor(clock: Clock, marks: () => Iterable<PartitionMark>) {
    this.#clock = clock
    this.#marks = marks
  }

  /** Before this there is nothing to commit to. */
  begin(membership: GroupMembership): void {
    this.#membership = membership
  }

  /**
   * Resolves when the broker has every mark as it is now, or where the partition is not this
   * member's any more: then its mark is dropped. A broker that is away is asked until `signal`
   * aborts. Rejects with a `BrokerError` of another kind.
   */
  async flush(signal: AbortSignal): Promise<void> {
    // One in flight may have left before the newest mark: wait, then look again.
    while (this.#flying !== null) await this.#flying.catch(() => {})
    this.#flying = this.#commit(signal)
    try {
      await this.#flying
    } finally {
      this.#flying = null
    }
  }

  async #commit(signal: AbortSignal): Promise<void> {
    const membership = this.#membership
    if (membership === null) return
    for (let failures = 1; ; failures++) {
      const marks = [...this.#marks()]
        .filter((mark) => mark.live && mark.offset !== mark.committed)
        .map((mark) => ({ mark, offset: mark.offset }))
      if (marks.length === 0) return
      try {
        const taken = await membership.commit(
          marks.map(({ mark: { topic, partition, generation }, offset }) => {
            return { topic, partition, generation, offset }
          }),
        )
        // A mark of a generation that is over was dropped: if the partition is kept, the next takes it.
        if (taken) for (const { mark, offset } of marks) mark.committed = offset
        return
      } catch (error) {
        if (!(error instanceof BrokerError) || error.kind !== 'away') throw error
        if (signal.aborted) return
        await this.#clock.sleep(backoffMs(RETRY, failures), signal)
      }
    }
  }
}
