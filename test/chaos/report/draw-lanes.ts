import { forHtml } from './escape.ts'
import type { Lane } from './fault-lanes.ts'
import { type Drawn, type Frame, round } from './frame.ts'

interface Surroundings {
  readonly frame: Frame
  /** Where they begin. */
  readonly y: number
  readonly moments: readonly { readonly at: number }[]
}

const ROW = 12
const BETWEEN = 5
/** What fits beside a lane, and above it. */
const [BESIDE, ABOVE] = [42, 46]

/** A lane for each kind of fault; what exactly was done is told by the pointer. */
export function drawLanes(lanes: readonly Lane[], { frame, y, moments }: Surroundings): Drawn {
  const { left, right, namesAbove, toX } = frame
  const ground: string[] = []
  const marks: string[] = []
  let top = y + 20
  const grid = top
  marks.push(`<text class="name" x="${namesAbove ? left : 10}" y="${y + 10}">faults</text>`)
  for (const { name, rows } of lanes) {
    if (namesAbove) top += 14
    const count = rows.flat().length
    const height = rows.length * ROW
    const [x, at] = namesAbove ? [left, top - 3] : [10, top + ROW / 2 + 4]
    marks.push(
      `<text class="lane" x="${x}" y="${at}">${shortened(`${name} × ${count}`, namesAbove ? ABOVE : BESIDE)}</text>`,
    )
    ground.push(
      `<rect class="row" x="${left}" y="${top}" width="${right - left}" height="${height}"/>`,
    )
    for (const [n, row] of rows.entries()) {
      for (const band of row) marks.push(drawBand(band, top + n * ROW))
    }
    top += height + BETWEEN
  }
  const lines = moments.map(({ at }) => `M${round(toX(at))} ${grid}V${top}`)
  ground.push(`<path class="grid" d="${lines.join('')}"/>`)
  return { svg: [...ground, ...marks].join(''), height: top - y }
}

function drawBand({ fault, x, width }: Lane['rows'][number][number], top: number): string {
  const { name, detail, from, to } = fault
  const says = `${name}: ${detail}, from ${round(from)} s to ${round(to)} s`
  return `<rect class="fault" x="${round(x)}" y="${top + 1}" width="${round(width)}" height="${ROW - 2}" rx="1.5"><title>${forHtml(says)}</title></rect>`
}

/** The count at the end is kept, and the whole is told by the pointer. */
function shortened(text: string, most: number): string {
  const characters = Array.from(text)
  if (characters.length <= most) return forHtml(text)
  const end = characters.slice(text.lastIndexOf(' × ') - text.length)
  const start = characters.slice(0, Math.max(1, most - end.length - 1))
  return `${forHtml(`${start.join('')}…${end.join('')}`)}<title>${forHtml(text)}</title>`
}
