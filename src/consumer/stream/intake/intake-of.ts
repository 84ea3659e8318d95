import type { BackpressureSettings } from '../backpressure.ts'
import type { Counting } from '../counts.ts'
import { BoundedIntake } from './bounded.ts'
import { BufferedIntake } from './buffered.ts'
import type { Intake } from './intake.ts'
import { LatestIntake } from './latest.ts'

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
