import { once } from 'node:events'
import { Notebook } from '../proof/history.ts'
import type { Job, Report } from './jobs.ts'

/**
 * What every client does that runs in a process of its own: it has a job and a notebook, says how
 * it is ten times a second, and lets go when the one who started it does.
 */
export async function live<J extends Job>(
  work: (job: J, notebook: Notebook) => Promise<{ report(): Report; stop(): Promise<void> }>,
): Promise<void> {
  // Imported, and not started, by the one who looks for what nobody uses.
  if (process.send === undefined) return
  const left = once(process, 'disconnect')
  const job = JSON.parse(process.argv[2] ?? '{}') as J
  const client = await work(job, new Notebook(job.notebook, job.client))
  const tell = (): void => void (process.connected && process.send?.(client.report(), () => {}))
  const telling = setInterval(tell, 100)
  tell()
  await left
  clearInterval(telling)
  await client.stop()
}

/** Everything that a part of the bus has to say goes to the client's log. */
export function logger(client: string): Record<'debug' | 'info' | 'warn' | 'error', Log> {
  const log = (message: string): void => {
    process.stderr.write(`${new Date().toISOString()} ${client} ${message}\n`)
  }
  return { debug: log, info: log, warn: log, error: log }
}

type Log = (message: string) => void
