import { fenced, forMarkdown } from './escape.ts'
import { type Block, type Page, type Table, numericColumns } from './page.ts'

/** The page as Markdown; the plot is a file beside it. */
export function markdownOf(page: Page, plotFile: string): string {
  const sections = page.sections.map(({ title, blocks }) =>
    [`## ${forMarkdown(title)}`, ...blocks.map((block) => blockOf(block, plotFile))].join('\n\n'),
  )
  const parts = [`# ${forMarkdown(page.title)}`, `**${forMarkdown(page.verdict)}**`, ...sections]
  return `${parts.join('\n\n')}\n`
}

function blockOf(block: Block, plotFile: string): string {
  if (block.kind === 'text') return forMarkdown(block.text)
  if (block.kind === 'term') return `**${forMarkdown(block.text)}**`
  if (block.kind === 'code') return fenced(block.text)
  if (block.kind === 'plot') return `![Rates, backlog and faults over time](${plotFile})`
  const rows = tableOf(block)
  if (block.folded === undefined) return rows
  const title = forMarkdown(block.folded)
  return `<details><summary>${title}</summary>\n\n${rows}\n\n</details>`
}

function tableOf(table: Table): string {
  const { head, rows } = table
  const rule = `| ${numericColumns(table)
    .map((isNumeric) => (isNumeric ? '---:' : '---'))
    .join(' | ')} |`
  return [lineOf(head), rule, ...rows.map(lineOf)].join('\n')
}

function lineOf(cells: readonly string[]): string {
  return `| ${cells.map(forMarkdown).join(' | ')} |`
}
