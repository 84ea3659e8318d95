/** A program of a page, and what the page says that it prints. */
export interface Snippet {
  /** The heading above it. */
  readonly title: string
  readonly code: string
  /** Of the block without a language that follows it; empty where none does. */
  readonly output: string
}

/** The TypeScript programs of a page, in their order. */
export function snippetsOf(page: string): Snippet[] {
  const found: Snippet[] = []
  let title = ''
  for (const [, heading, language, body = ''] of page.matchAll(
    /^#+ (.+)$|^```(\w*)\n([\s\S]*?)^```$/gm,
  )) {
    if (heading !== undefined) title = heading
    else if (language === 'ts') found.push({ title, code: body, output: '' })
    else if (language === '') found.push({ ...found.pop()!, output: body })
  }
  return found
}
