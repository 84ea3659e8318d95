import { backoffMs } from '../../core/backoff.ts'
import { systemClock } from '../../core/clock.ts'

const RECONNECT = { firstMs: 250, maxMs: 30_000, jitter: 0.2 }

/**
 * Holds a connection that `connect` opens, and opens another when it is lost, for ever.
 * The first attempt's failure is the caller's; a later one is tried again.
 */
export async function keepListening(
  connect: (onLost: () => void) => Promise<() => void>,
): Promise<AsyncDisposable> {
  const stopped = new AbortController()
  let lost = Promise.withResolvers<void>()
  let disconnect = await connect(() => lost.resolve())

  const reconnect = async (): Promise<void> => {
    lost = Promise.withResolvers<void>()
    const current = lost
    for (let failures = 1; !stopped.signal.aborted; failures++) {
      try {
        disconnect = await connect(() => current.resolve())
        return
      } catch {
        await systemClock.sleep(backoffMs(RECONNECT, failures), stopped.signal)
      }
    }
    disconnect = () => {}
  }
  const loop = async (): Promise<void> => {
    for (;;) {
      await lost.promise
      disconnect()
      if (stopped.signal.aborted) return
      await reconnect()
    }
  }
  const looping = loop()
  return {
    async [Symbol.asyncDispose]() {
      stopped.abort()
      lost.resolve()
      await looping
    },
  }
}
