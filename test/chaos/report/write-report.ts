import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { htmlOf } from './html.ts'
import { markdownOf } from './markdown.ts'
import { pageOf } from './page.ts'
import { plot } from './plot.ts'
import type { RunRecord } from './run-record.ts'

/**
 * Writes the page of a run into a folder, which is made where there is none: `report.html`, whole
 * in itself, and `report.md` with `report.svg` beside it. Gives the paths of the two pages.
 */
export async function writeReport(
  record: RunRecord,
  folder: string,
): Promise<{ markdown: string; html: string }> {
  const page = pageOf(record)
  const [wide, narrow] = [plot(record, 960), plot(record, 400)]
  const paths = { markdown: join(folder, 'report.md'), html: join(folder, 'report.html') }
  await mkdir(folder, { recursive: true })
  await Promise.all([
    writeFile(paths.markdown, markdownOf(page, 'report.svg')),
    writeFile(paths.html, htmlOf(page, { wide, narrow })),
    writeFile(join(folder, 'report.svg'), `${wide}\n`),
  ])
  return paths
}
