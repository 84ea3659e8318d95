import { setTimeout as wait } from 'node:timers/promises'
import { backoffMs } from '../../core/backoff.ts'
import { BrokerError } from '../../core/errors.ts'
import { CONCURRENT_TRANSACTIONS, answeredCodes, toBrokerError } from './failures.ts'

/** How long and how an operation is tried again while the brokers are away. */
export interface RetryRule {
  /** Aborted when it must end: it then rejects. */
  readonly signal: AbortSignal
  /** When to give up, by `performance.now()`. `Infinity` never does. */
  readonly until: number
  /** Told of each failure that is tried again. */
  readonly onFailure?: (error: BrokerError) => void
}

/** The previous transaction is completed within milliseconds: waiting longer costs the rate. */
const COMPLETING = { firstMs: 2, maxMs: 20, jitter: 0.5 }
const AWAY = { firstMs: 10, maxMs: 1_000, jitter: 0.2 }

/**
 * Tries until it succeeds, fails for another reason than brokers that are away, or the rule ends it.
 * Rejects with a `BrokerError`.
 */
export async function retrying<T>(attempt: () => Promise<T>, rule: RetryRule): Promise<T> {
  for (let failures = 1; ; failures++) {
    throwIfEnded(rule.signal)
    try {
      return await attempt()
    } catch (error) {
      const failure = toBrokerError(error)
      if (failure.kind !== 'away' || rule.signal.aborted) throw failure
      const completing = answeredCodes(error).includes(CONCURRENT_TRANSACTIONS)
      const delay = backoffMs(completing ? COMPLETING : AWAY, failures)
      if (performance.now() + delay > rule.until) throw failure
      rule.onFailure?.(failure)
      await wait(delay, undefined, { signal: rule.signal }).catch(() => {})
    }
  }
}

/** Rejects with `away` when the rule's time is over, whatever `work` still waits for. */
export async function bounded<T>(
  work: (rule: RetryRule) => Promise<T>,
  limit: { signal: AbortSignal; ms: number; what: string },
): Promise<T> {
  throwIfEnded(limit.signal)
  const ending = new AbortController()
  const { promise: ended, reject } = Promise.withResolvers<never>()
  let last: BrokerError | undefined
  const end = (error: BrokerError): void => {
    reject(error)
    ending.abort(error)
  }
  const timer = setTimeout(() => {
    const reason = last === undefined ? '' : `: ${last.message}`
    end(
      new BrokerError('away', `Kafka: ${limit.what} took over ${limit.ms} ms${reason}`, {
        cause: last,
      }),
    )
  }, limit.ms)
  const onAbort = (): void => end(endedError())
  limit.signal.addEventListener('abort', onAbort, { once: true })
  try {
    return await Promise.race([
      work({
        signal: ending.signal,
        until: performance.now() + limit.ms,
        onFailure: (error) => (last = error),
      }),
      ended,
    ])
  } finally {
    clearTimeout(timer)
    limit.signal.removeEventListener('abort', onAbort)
  }
}

function throwIfEnded(signal: AbortSignal): void {
  if (!signal.aborted) return
  throw signal.reason instanceof BrokerError ? signal.reason : endedError()
}

function endedError(): BrokerError {
  return new BrokerError('away', 'Kafka: the publisher was closed')
}
