/** What an axis shows. Zero is always on it, so that heights can be compared. */
export interface Axis {
  readonly bottom: number
  readonly top: number
  readonly ticks: readonly number[]
}

/** An axis of values, with about `most` round numbers on it. */
export function axisOf(values: readonly number[], most = 3): Axis {
  const lowest = values.reduce((one, other) => Math.min(one, other), 0)
  const highest = values.reduce((one, other) => Math.max(one, other), 0)
  if (lowest === highest) return { bottom: 0, top: 1, ticks: [0, 1] }
  const step = roundUp((highest - lowest) / most)
  const first = Math.floor(lowest / step)
  const last = Math.ceil(highest / step)
  const ticks = Array.from({ length: last - first + 1 }, (_, n) => (first + n) * step)
  return { bottom: first * step, top: last * step, ticks }
}

/** The next of 1, 2, 5, 10, 20 … (and 0.1, 0.2, 0.5). */
function roundUp(value: number): number {
  const power = 10 ** Math.floor(Math.log10(value))
  const factor = [1, 2, 5].find((candidate) => candidate * power >= value * 0.999) ?? 10
  return factor * power
}

export interface TimeAxis {
  readonly ticks: readonly { readonly at: number; readonly label: string }[]
  readonly unit: 'seconds' | 'minutes'
}

const MINUTES = [1, 2, 5, 10, 15, 30, 60, 120, 240, 480, 1440].map((minutes) => minutes * 60)
const STEPS = [0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30, ...MINUTES]

/** Moments of a run, at most `most` distances of them. */
export function timeAxisOf(seconds: number, most: number): TimeAxis {
  const step = STEPS.find((candidate) => seconds / candidate <= most) ?? seconds / most
  const unit = step < 60 ? 'seconds' : 'minutes'
  const ticks = Array.from({ length: Math.floor(seconds / step + 0.001) + 1 }, (_, n) => {
    const at = n * step
    return { at, label: short(unit === 'seconds' ? at : at / 60) }
  })
  return { ticks, unit }
}

/** A number on an axis: 0.5, 250, 1,500, 25k, 1.2M. */
export function short(value: number): string {
  const size = Math.abs(value)
  if (size >= 1e6) return `${withCommas(value / 1e6, 2)}M`
  if (size >= 1e4) return `${withCommas(value / 1e3, 1)}k`
  return withCommas(value, size < 10 ? 2 : 0)
}

export function withCommas(value: number, digits = 0): string {
  return value.toLocaleString('en-US', { maximumFractionDigits: digits })
}
