/** What a command reads and writes: results on stdout, notes on stderr. */
export interface Terminal {
  readonly environment: NodeJS.ProcessEnv
  result(line: string): void
  note(line: string): void
}

export const processTerminal: Terminal = {
  environment: process.env,
  result: (line) => process.stdout.write(`${line}\n`),
  note: (line) => process.stderr.write(`${line}\n`),
}
