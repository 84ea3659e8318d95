import { forHtml } from './escape.ts'
import { type Block, type Page, type Table, numericColumns } from './page.ts'
import { paletteFor } from './palette.ts'

/** The plot, drawn for a screen and for a phone. */
export interface Plots {
  readonly wide: string
  readonly narrow: string
}

const STYLE = `${paletteFor(':root')}
:root{color-scheme:light dark}
*{box-sizing:border-box}
body{margin:0 auto;max-width:1040px;padding:20px 16px 48px;background:var(--ground);color:var(--ink);font:16px/1.5 system-ui,-apple-system,"Segoe UI","DejaVu Sans",sans-serif}
h1{font-size:1.35rem;margin:0 0 8px}
h2{font-size:1.1rem;margin:32px 0 8px}
p{margin:8px 0}
.verdict{font-size:1.15rem;font-weight:600;padding:10px 14px;border-left:5px solid var(--backlog);background:var(--panel)}
.verdict.good{border-color:var(--good)}
.verdict.bad{border-color:var(--bad)}
.term{font-weight:600;margin-top:16px}
pre{margin:8px 0;padding:10px 12px;background:var(--panel);font:13px/1.45 ui-monospace,Menlo,"DejaVu Sans Mono",monospace;white-space:pre-wrap;overflow-wrap:anywhere}
.table{overflow-x:auto}
table{border-collapse:collapse;font-variant-numeric:tabular-nums}
th,td{padding:4px 16px 4px 0;text-align:left;vertical-align:top;border-bottom:1px solid var(--line)}
th{color:var(--soft);font-weight:600}
.number{text-align:right}
summary{cursor:pointer;margin:12px 0}
figure{margin:12px 0}
svg{display:block;width:100%;height:auto}
.narrow{display:none}
@media (max-width:640px){body{padding:14px 12px 40px}th,td{padding-right:10px}.wide{display:none}.narrow{display:block}}`

/** The page as HTML, whole in itself: it loads nothing and runs nothing. */
export function htmlOf(page: Page, plots: Plots): string {
  const sections = page.sections.map(({ title, blocks }) => {
    const body = blocks.map((block) => blockOf(block, plots))
    return `<section>\n<h2>${forHtml(title)}</h2>\n${body.join('\n')}\n</section>`
  })
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<title>${forHtml(page.title)}</title>
<style>
${STYLE}
</style>
</head>
<body>
<h1>${forHtml(page.title)}</h1>
<p class="verdict ${page.tone}">${forHtml(page.verdict)}</p>
${sections.join('\n')}
</body>
</html>
`
}

function blockOf(block: Block, { wide, narrow }: Plots): string {
  if (block.kind === 'text') return `<p>${forHtml(block.text)}</p>`
  if (block.kind === 'term') return `<p class="term">${forHtml(block.text)}</p>`
  if (block.kind === 'code') return `<pre>${forHtml(block.text)}</pre>`
  if (block.kind === 'plot')
    return `<figure class="wide">${wide}</figure>\n<figure class="narrow">${narrow}</figure>`
  const table = `<div class="table">${tableOf(block)}</div>`
  if (block.folded === undefined) return table
  return `<details><summary>${forHtml(block.folded)}</summary>${table}</details>`
}

function tableOf(table: Table): string {
  const { head, rows } = table
  const isNumeric = numericColumns(table)
  const line = (cells: readonly string[], tag: 'th' | 'td'): string => {
    const inner = cells.map((cell, n) => {
      const kind = isNumeric[n] === true ? ' class="number"' : ''
      return `<${tag}${kind}>${forHtml(cell)}</${tag}>`
    })
    return `<tr>${inner.join('')}</tr>`
  }
  const body = rows.map((row) => line(row, 'td')).join('\n')
  return `<table><thead>${line(head, 'th')}</thead><tbody>\n${body}\n</tbody></table>`
}
