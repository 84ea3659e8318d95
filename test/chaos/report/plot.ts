import { timeAxisOf, withCommas } from './axis.ts'
import { forHtml } from './escape.ts'
import { drawLanes } from './draw-lanes.ts'
import { drawPanel, type Panel } from './draw-panel.ts'
import { lanesOf, troubledTimes } from './fault-lanes.ts'
import { type Frame, round } from './frame.ts'
import { paletteFor } from './palette.ts'
import { type Point, ratesOf, stretchesOf } from './points.ts'
import type { RunRecord, Sample } from './run-record.ts'

const STYLE = [
  paletteFor('.plot'),
  '.plot{font:12px system-ui,-apple-system,"Segoe UI","DejaVu Sans",sans-serif}',
  '.plot text{fill:var(--soft)}.plot .name{fill:var(--ink);font-weight:600}',
  '.plot .unit{fill:var(--soft);font-weight:400}.plot .lane{fill:var(--ink)}.plot .ground{fill:var(--ground)}',
  '.plot .trouble{fill:var(--trouble)}.plot .grid{stroke:var(--line);stroke-width:.5;fill:none}',
  '.plot .zero{stroke:var(--soft);stroke-width:1;fill:none}',
  '.plot .fault{fill:var(--fault);fill-opacity:.85}.plot .row{fill:var(--panel)}',
  '.plot .area{fill-opacity:.16;stroke:none}',
  '.plot .curve{fill:none;stroke-width:1.3;stroke-linejoin:round;stroke-linecap:round}',
  '.plot .dot{stroke-width:5}',
  ...['committed', 'published', 'handled', 'backlog'].map(
    (name) => `.plot .area.${name}{fill:var(--${name})}.plot .curve.${name}{stroke:var(--${name})}`,
  ),
].join('')

/** Rates, backlog and faults over the time of a run, as one SVG that needs nothing else. */
export function plot(record: RunRecord, width = 960): string {
  const seconds = secondsOf(record)
  const namesAbove = width < 600
  const [left, right] = [namesAbove ? 46 : 290, width - 16]
  const toX = (at: number): number =>
    left + (Math.min(Math.max(at, 0), seconds) / seconds) * (right - left)
  const frame: Frame = { left, right, namesAbove, toX }
  const axis = timeAxisOf(seconds, namesAbove ? 5 : 10)
  const pieces: string[] = []
  let y = 12
  const troubled = troubledTimes(record.faults)
  for (const panel of panelsOf(record.samples)) {
    const drawn = drawPanel(panel, { frame, y, troubled, moments: axis.ticks })
    pieces.push(drawn.svg)
    y += drawn.height
  }
  const title = `${axis.unit} since the start`
  pieces.push(times(y))
  y += 34
  const lanes = lanesOf(record.faults, toX)
  if (lanes.length > 0) {
    const drawn = drawLanes(lanes, { frame, y, moments: axis.ticks })
    pieces.push(drawn.svg, times(y + drawn.height))
    y += drawn.height + 34
  }
  const label = `Rates, backlog and ${record.faults.length} faults over ${withCommas(seconds)} seconds`
  return (
    `<svg class="plot" xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${Math.ceil(y)}" role="img" aria-label="${label}">` +
    `<style>${STYLE}</style><rect class="ground" width="100%" height="100%"/>${pieces.join('')}</svg>`
  )

  function times(top: number): string {
    const labels = axis.ticks.map(
      ({ at, label: text }) =>
        `<text x="${round(toX(at))}" y="${round(top + 14)}" text-anchor="middle">${forHtml(text)}</text>`,
    )
    const middle = round((left + right) / 2)
    return `${labels.join('')}<text x="${middle}" y="${round(top + 29)}" text-anchor="middle">${title}</text>`
  }
}

/** All that was seen is on the plot: a run that ends late is longer than it was meant to be. */
function secondsOf({ samples, faults, minutes }: RunRecord): number {
  const last = [...samples.map(({ at }) => at), ...faults.map(({ to }) => to)]
  const seen = last.reduce((one, other) => Math.max(one, other), 0)
  const meant = minutes * 60
  return seen > meant * 0.95 ? Math.max(seen, meant) : seen || meant || 60
}

function panelsOf(samples: readonly Sample[]): Panel[] {
  const totals = (name: Panel['name']): Point[] =>
    samples.map((sample) => ({ at: sample.at, value: sample[name] }))
  const rates = (['committed', 'published', 'handled'] as const).map((name): Panel => ({
    name,
    unit: 'events per second',
    stretches: [ratesOf(totals(name))],
  }))
  return [
    ...rates,
    { name: 'backlog', unit: 'events to be published', stretches: stretchesOf(totals('backlog')) },
  ]
}
