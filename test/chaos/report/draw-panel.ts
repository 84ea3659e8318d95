import { axisOf, short, withCommas } from './axis.ts'
import { type Drawn, type Frame, round } from './frame.ts'
import { type Point, thin } from './points.ts'

/** One value over time. */
export interface Panel {
  readonly name: 'committed' | 'published' | 'handled' | 'backlog'
  readonly unit: string
  /** Each without a gap in it; between them nobody could look. */
  readonly stretches: readonly (readonly Point[])[]
}

interface Surroundings {
  readonly frame: Frame
  /** Where it begins. */
  readonly y: number
  readonly troubled: readonly { readonly from: number; readonly to: number }[]
  readonly moments: readonly { readonly at: number }[]
}

const HEIGHT = 84
const MOST_POINTS = 600

/** A panel with an axis of its own, on which zero always is. */
export function drawPanel(panel: Panel, { frame, y, troubled, moments }: Surroundings): Drawn {
  const { left, right, namesAbove, toX } = frame
  const top = y + (namesAbove ? 20 : 0)
  const bottom = top + HEIGHT
  const axis = axisOf(panel.stretches.flat().map(({ value }) => value))
  const toY = (value: number): number =>
    bottom - ((value - axis.bottom) / (axis.top - axis.bottom)) * HEIGHT
  const shades = troubled.map(({ from, to }) => {
    const width = round(Math.max(1, toX(to) - toX(from)))
    return `<rect class="trouble" x="${round(toX(from))}" y="${top}" width="${width}" height="${HEIGHT}"/>`
  })
  const grid = [
    ...moments.map(({ at }) => `M${round(toX(at))} ${top}V${bottom}`),
    ...axis.ticks.map((tick) => `M${left} ${round(toY(tick))}H${right}`),
  ]
  const ticks = axis.ticks.map(
    (tick) =>
      `<text x="${left - 6}" y="${round(toY(tick) + 4)}" text-anchor="end">${short(tick)}</text>`,
  )
  const svg = [
    ...shades,
    `<path class="grid" d="${grid.join('')}"/>`,
    ...ticks,
    `<path class="zero" d="M${left} ${round(toY(0))}H${right}"/>`,
    drawCurve(panel, toX, toY),
    drawName(panel, frame, { top, middle: (left + right) / 2 }),
  ]
  return { svg: svg.join(''), height: bottom - y + 20 }
}

/** A line for each stretch that was seen without a gap, and the area between it and zero. */
function drawCurve(
  { name, stretches }: Panel,
  toX: (at: number) => number,
  toY: (value: number) => number,
): string {
  const count = stretches.flat().length
  return stretches
    .map((stretch) => {
      const share = Math.ceil((MOST_POINTS * stretch.length) / count)
      const places = thin(stretch, Math.max(2, share)).map(
        ({ at, value }) => `${round(toX(at))} ${round(toY(value))}`,
      )
      const [first, last] = [stretch[0], stretch.at(-1)]
      if (first === undefined || last === undefined) return ''
      const line = `M${places.join('L')}`
      if (first === last) return `<path class="curve dot ${name}" d="${line}h.01"/>`
      const zero = round(toY(0))
      const area = `${line}L${round(toX(last.at))} ${zero}H${round(toX(first.at))}Z`
      return `<path class="area ${name}" d="${area}"/><path class="curve ${name}" d="${line}"/>`
    })
    .join('')
}

function drawName(
  { name, unit, stretches }: Panel,
  { left, right, namesAbove }: Frame,
  { top, middle }: { readonly top: number; readonly middle: number },
): string {
  const points = stretches.flat()
  const most = points.reduce((one, { value }) => Math.max(one, value), 0)
  const says =
    points.length === 0 ? 'not measured' : `at most ${withCommas(most, most < 10 ? 1 : 0)}`
  if (namesAbove) {
    return (
      `<text class="name" x="${left}" y="${top - 7}">${name}<tspan class="unit"> ${unit}</tspan></text>` +
      `<text x="${right}" y="${top - 7}" text-anchor="end">${says}</text>`
    )
  }
  const empty = points.length === 0
  const lines = [unit, ...(empty ? [] : [says])].map(
    (line, n) => `<text x="10" y="${top + 29 + n * 16}">${line}</text>`,
  )
  const hint = `<text x="${middle}" y="${top + HEIGHT / 2 + 4}" text-anchor="middle">${says}</text>`
  return `<text class="name" x="10" y="${top + 12}">${name}</text>${lines.join('')}${empty ? hint : ''}`
}
