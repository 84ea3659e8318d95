import type { Logger } from '../core/logger.ts'

/** Resolves when one of them is aborted. */
export async function aborted(...signals: AbortSignal[]): Promise<void> {
  const heard = new AbortController()
  await new Promise<void>((resolve) => {
    for (const signal of signals) {
      if (signal.aborted) resolve()
      signal.addEventListener('abort', () => resolve(), { once: true, signal: heard.signal })
    }
  })
  heard.abort()
}

/** From a stop on, waiting ends after `stopTimeoutMs`, whatever it is for. Gives what calls it off. */
export function limitStop(
  stopping: AbortSignal,
  { settings, logger }: { settings: { stopTimeoutMs: number }; logger: Logger },
  giveUp: () => void,
): () => void {
  let timer: NodeJS.Timeout | undefined
  const arm = (): void => {
    timer = setTimeout(() => {
      logger.warn(`oncommit: relay stopped with work in hand after ${settings.stopTimeoutMs} ms`)
      giveUp()
    }, settings.stopTimeoutMs)
  }
  if (stopping.aborted) arm()
  else stopping.addEventListener('abort', arm, { once: true })
  return () => {
    clearTimeout(timer)
    stopping.removeEventListener('abort', arm)
  }
}
