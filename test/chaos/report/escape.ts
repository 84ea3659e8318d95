// oxlint-disable-next-line no-control-regex -- these are what XML has no place for
const UNPRINTABLE = /[\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f-\u009f\ufffe\uffff]/g
const ENTITIES: Record<string, string> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
}

/** A text that any document may hold: what no document can show is replaced. */
export function printable(text: string): string {
  return text.toWellFormed().replaceAll(UNPRINTABLE, '\uFFFD').replaceAll(/\r\n?/g, '\n')
}

/** As text, or as a quoted attribute, of HTML and of SVG. */
export function forHtml(text: string): string {
  return printable(text).replaceAll(/[&<>"']/g, (character) => ENTITIES[character] ?? character)
}

/** On one line of Markdown, a cell of a table too; nothing in it is markup. */
export function forMarkdown(text: string): string {
  return printable(text)
    .replaceAll(/\s+/g, ' ')
    .replaceAll(/[\\`*_{}[\]#|~!$@]/g, String.raw`\$&`)
    .replaceAll(/[&<>]/g, (character) => ENTITIES[character] ?? character)
}

/** A block of Markdown that nothing in the text can end. */
export function fenced(text: string, language = ''): string {
  const longest = (text.match(/`+/g) ?? []).reduce((most, run) => Math.max(most, run.length), 0)
  const fence = '`'.repeat(Math.max(3, longest + 1))
  return `${fence}${language}\n${printable(text)}\n${fence}`
}
