import { once } from 'node:events'
import { setTimeout as wait } from 'node:timers/promises'

import { OptionError } from '../../core/errors.ts'
import { wholeNumber } from '../../core/options.ts'
import type { OutboxInspection } from '../../core/outbox-inspection.ts'
import { status as read } from '../../operations/status.ts'
import type { StatusOptions } from '../../operations/status-report.ts'
import { storeFrom } from '../connections.ts'
import type { StoreFlags } from '../connections.ts'
import { EXIT } from '../exit-codes.ts'
import { statusAsText } from '../status-text.ts'
import type { Terminal } from '../terminal.ts'

export interface StatusFlags extends StoreFlags {
  readonly json?: boolean
  readonly check?: boolean
  readonly watch?: boolean
  readonly maxAge?: string
  readonly maxDead?: string
}

const WATCH_MS = 1_000
const CLEAR = '\u001B[H\u001B[2J'

/** `oncommit status`: how the outbox does; 1 where something is wrong. */
export async function status(flags: StatusFlags, terminal: Terminal): Promise<number> {
  const limits = limitsOf(flags)
  const store = storeFrom(flags, terminal.environment)
  try {
    await store.check()
    await using inspection = await store.openInspection()
    if (flags.watch === true) return await watch(inspection, { flags, limits, terminal })
    const seen = await read(inspection, limits)
    if (flags.json === true) terminal.result(JSON.stringify(seen))
    else terminal.result(flags.check === true ? seen.sentence : statusAsText(seen))
    return seen.healthy ? EXIT.done : EXIT.failed
  } finally {
    await store.close()
  }
}

/** Draws it each second until SIGINT or SIGTERM. */
async function watch(
  inspection: OutboxInspection,
  { flags, limits, terminal }: { flags: StatusFlags; limits: StatusOptions; terminal: Terminal },
): Promise<number> {
  const stopping = new AbortController()
  const stop = (): void => stopping.abort()
  void Promise.race([once(process, 'SIGINT'), once(process, 'SIGTERM')]).then(stop)
  process.stdout.on('error', stop)
  while (!stopping.signal.aborted) {
    const seen = await read(inspection, limits)
    const clear = process.stdout.isTTY ? CLEAR : ''
    terminal.result(flags.json === true ? JSON.stringify(seen) : `${clear}${statusAsText(seen)}`)
    await wait(WATCH_MS, undefined, { signal: stopping.signal }).catch(() => {})
  }
  return EXIT.done
}

function limitsOf({ maxAge = '60s', maxDead = '0' }: StatusFlags): StatusOptions {
  const [, number, unit = 's'] = /^(\d+)(ms|s|m|h)?$/.exec(maxAge) ?? []
  if (number === undefined) throw new OptionError('--max-age', maxAge, 'a time: 500ms, 60s, 5m, 1h')
  const factor = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000 }[unit] ?? 1
  const dead = /^\d+$/.test(maxDead) ? Number(maxDead) : Number.NaN
  if (Number.isNaN(dead)) throw new OptionError('--max-dead', maxDead, 'a whole number')
  wholeNumber('--max-dead', dead, { min: 0, max: 1_000_000_000 })
  return { maxAgeMs: Number(number) * factor, maxDead: dead }
}
