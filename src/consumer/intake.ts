import type { BackpressureSettings } from './backpressure.ts'
import type { Counting } from './counts.ts'
import { BoundedIntake } from './intake/bounded.ts'
import { BufferedIntake } from './intake/buffered.ts'
import { LatestIntake } from './intake/latest.ts'
import type { Reader, ReadPage } from './reader.ts'

/** What fetched pages go through on their way to the loop: where they wait, and what is given up. */
export interface Intake {
  /** The reader has pages, or has failed: what is to wait here is taken from it. */
  arrived(reader: Reader): void
  /** One event of a page that was taken has been handed out, or passed over. */
  handed(): void
  /** The pages that are next, or `null`. Records that were given up are not in them. Throws what ended the reading. */
  take(reader: Reader): ReadPage[] | null
  /** What waits and is not taken any more. */
  rest(): ReadPage[]
}

export function intakeOf(settings: BackpressureSettings, counts: Counting): Intake {
  switch (settings.strategy) {
    case 'buffer':
      return new BufferedIntake(settings.maxBytes)
    case 'error':
    case 'drop':
      return new BoundedIntake(settings, counts)
    case 'latest':
      return new LatestIntake(settings, counts)
    case 'pause':
    default:
      return paused
  }
}

/** Nothing waits here: the reader holds one fetch, and the broker the rest. */
const paused: Intake = {
  arrived: () => {},
  handed: () => {},
  take: (reader) => reader.take(),
  rest: () => [],
}
