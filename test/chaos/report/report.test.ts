import assert from 'node:assert/strict'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import type { RunRecord } from './run-record.ts'
import { faultAt, sampleRun, steady } from './sample-run.ts'
import { writeReport } from './write-report.ts'

interface Pages {
  readonly markdown: string
  readonly html: string
  readonly svg: string
}

async function pagesOf(differs: Partial<RunRecord> = {}): Promise<Pages> {
  const folder = await mkdtemp(join(tmpdir(), 'oncommit-report-'))
  try {
    const paths = await writeReport(sampleRun(differs), join(folder, 'made', 'by it'))
    const svg = join(folder, 'made', 'by it', 'report.svg')
    const [markdown = '', html = '', plot = ''] = await Promise.all(
      [paths.markdown, paths.html, svg].map(async (path) => readFile(path, 'utf8')),
    )
    return { markdown, html, svg: plot }
  } finally {
    await rm(folder, { recursive: true })
  }
}

const TITLES = ['Repeat it', 'Rates', 'Faults met', 'Counts', 'Findings', 'Versions']

test('the verdict comes first, then how to repeat it, the plot, faults, counts, findings, versions', async () => {
  const { markdown, html } = await pagesOf()
  for (const page of [markdown, html]) {
    const places = [
      '0 violations: 180,000 events in 30 minutes, through 1 fault of 1 kind.',
      ...TITLES,
    ].map((words) => page.indexOf(words))
    assert.ok(places.every((place) => place >= 0))
    assert.deepEqual(
      places.toSorted((a, b) => a - b),
      places,
    )
    assert.match(page, /npm run chaos -- --minutes 30 --seed 42/)
    assert.match(page, /45,678/)
  }
  assert.match(markdown, /\n!\[.+\]\(report\.svg\)\n/)
  assert.match(markdown, /\n\| relay SIGKILL \| 1 \| 5\.0 \|\n/)
})

test('the HTML is whole in itself: it names no other address, and runs nothing', async () => {
  const { html } = await pagesOf()
  const addresses = html
    .replaceAll('http://www.w3.org/2000/svg', '')
    .match(/https?:|src=|href=|url\(|@import|<script/g)
  assert.equal(addresses, null)
  assert.equal(html.match(/<svg /g)?.length, 2)
})

test('light and dark, on a screen and on a phone', async () => {
  const { html, svg } = await pagesOf()
  for (const page of [html, svg]) assert.match(page, /prefers-color-scheme:dark/)
  assert.match(html, /<meta name="viewport" content="width=device-width/)
  assert.match(html, /viewBox="0 0 960 \d+"/)
  assert.match(html, /viewBox="0 0 400 \d+"/)
})

test('a run without a fault is not called proof', async () => {
  const { markdown, html, svg } = await pagesOf({ faults: [] })
  assert.match(
    markdown,
    /\*\*0 violations, but no fault was met: 180,000 events in 30 minutes\.\*\*/,
  )
  assert.match(html, /class="verdict weak"/)
  assert.doesNotMatch(svg, /class="fault"/)
})

test('a run without an event shows nothing, and says so', async () => {
  const { markdown, html } = await pagesOf({ events: 0 })
  assert.match(markdown, /\*\*Nothing is shown: there were no events\.\*\*/)
  assert.doesNotMatch(html, /class="verdict good"/)
})

for (const samples of [[], steady(0), steady(1)]) {
  test(`a run of ${samples.length} samples has a plot of numbers only`, async () => {
    const { svg } = await pagesOf({ samples, faults: [] })
    assert.doesNotMatch(svg, /NaN|Infinity|undefined/)
    assert.equal(svg.match(/>not measured</g)?.length ?? 0, [4, 3, 0][samples.length])
  })
}

test('what was measured is drawn on an axis that begins at zero, with its unit', async () => {
  const { svg } = await pagesOf()
  assert.equal(svg.match(/class="zero"/g)?.length, 4)
  assert.equal(svg.match(/>events per second</g)?.length, 3)
  assert.equal(svg.match(/>at most 100</g)?.length, 3)
  assert.match(svg, />minutes since the start</)
})

test('a peak of one second in 30 minutes reaches the top of its panel', async () => {
  const samples = steady(1800).map((sample) =>
    sample.at === 1234 ? Object.assign(sample, { backlog: 500 }) : sample,
  )
  const { svg } = await pagesOf({ samples, faults: [] })
  const [, line = ''] = /class="curve backlog" d="M([^"]+)"/.exec(svg) ?? []
  const heights = line.split('L').map((place) => Number(place.split(' ')[1]))
  assert.ok(heights.length <= 600, `${heights.length} points`)
  assert.equal(Math.max(...heights) - Math.min(...heights), 70)
})

test('200 faults of 25 kinds: each is a band, each kind is named with its times, and counted', async () => {
  const faults = Array.from({ length: 200 }, (_, n) =>
    faultAt(n * 8.9, `server ${n % 25} SIGSTOP`, 12),
  )
  const { markdown, svg } = await pagesOf({ faults })
  assert.equal(svg.match(/class="fault"/g)?.length, 200)
  assert.equal(svg.match(/>server \d+ SIGSTOP × 8</g)?.length, 25)
  assert.equal(markdown.match(/\n\| server \d+ SIGSTOP \| 8 \| 96\.0 \|/g)?.length, 25)
})

test('a long name of a fault keeps its count', async () => {
  const { svg } = await pagesOf({
    faults: [faultAt(3, 'PostgreSQL fails over to the synchronous standby')],
  })
  assert.match(
    svg,
    />PostgreSQL fails [^<]+… × 1<title>PostgreSQL fails over to the synchronous standby × 1</,
  )
})

test('nothing that a run brings along is markup', async () => {
  const evil =
    '<script>alert("&\'")</script> | `x` \u0007 \uD800 *b*\r\n```\n</pre></details> [a](b)'
  const { markdown, html, svg } = await pagesOf({
    command: evil,
    startedAt: evil,
    versions: { [evil]: evil },
    counts: { [evil]: 1 },
    faults: [{ ...faultAt(1, evil), detail: evil }],
    findings: [{ promise: evil, text: evil }],
  })
  for (const page of [html, svg]) {
    assert.doesNotMatch(page, /<script|<\/script|alert\("/)
    // oxlint-disable-next-line no-control-regex -- XML has no place for them
    assert.doesNotMatch(page, /[\u0007\uD800]/u)
  }
  assert.equal(html.match(/<\/pre>/g)?.length, 2)
  const fences = /^(`{3,})\n[\s\S]*?\n\1$/gm
  assert.equal(markdown.match(fences)?.length, 2)
  const outside = markdown.replaceAll(fences, '')
  assert.doesNotMatch(outside, /<script|(?<!\\)\*b|(?<!\\)`x|(?<!\\)\[a/)
  const rows = outside.split('\n').filter((line) => line.startsWith('|'))
  for (const row of rows) assert.ok([2, 3, 4].includes(row.match(/(?<!\\)\|/g)!.length - 1), row)
})

test('findings are counted by promise, shown with their history, the shortest ten of each', async () => {
  const findings = [
    { promise: 'ordered', text: 'o-1 came before o-2' },
    ...Array.from({ length: 12 }, (_, n) => ({
      promise: 'delivered',
      text: `${'longer '.repeat(12 - n)}lost ${n}\n{"what":"send"}`,
    })),
  ]
  const { markdown, html } = await pagesOf({ findings })
  assert.match(markdown, /\*\*13 violations of 2 promises: 180,000 events/)
  assert.match(html, /class="verdict bad"/)
  assert.match(markdown, /\*\*ordered: 1\*\*\n\n```\no-1 came before o-2\n```/)
  assert.match(markdown, /\*\*delivered: 12\*\*\n\n```\nlonger lost 11\n\{"what":"send"\}\n```/)
  assert.match(markdown, /And 2 more\./)
  assert.doesNotMatch(markdown, /lost [01]\n/)
})
