import type { Clock } from '../core/clock.ts'
import type { OutboxStore, RelaySession, WaitingReport } from '../core/outbox-store.ts'
import { uuidv7 } from '../core/uuid.ts'
import { closeQuietly } from './close-quietly.ts'
import type { OutageLog } from './outage-log.ts'

const EVERY_MS = 2_000

/**
 * Tells operators of a relay that can't begin a life: it has no row that could say so. Best effort:
 * what can't be told now is told later.
 */
export class WaitingReports {
  readonly #store: Pick<OutboxStore, 'openRelaySession'>
  readonly #outages: OutageLog
  readonly #clock: Clock
  readonly #id: string
  #since = 0
  #timer: NodeJS.Timeout | undefined
  #session: RelaySession | null = null
  #telling: Promise<void> | null = null

  constructor(parts: {
    store: Pick<OutboxStore, 'openRelaySession'>
    outages: OutageLog
    clock: Clock
  }) {
    this.#store = parts.store
    this.#outages = parts.outages
    this.#clock = parts.clock
    this.#id = uuidv7(parts.clock.now())
  }

  /** A life is about to begin. Told from two seconds on. */
  begin(): void {
    if (this.#timer !== undefined) return
    this.#since = this.#clock.monotonic()
    this.#timer = setInterval(() => this.#tell(), EVERY_MS)
  }

  /** It has begun, or never will. Resolves when that is told, where there is something to take back. */
  async over(): Promise<void> {
    clearInterval(this.#timer)
    this.#timer = undefined
    await this.#telling
    const session = this.#session
    this.#session = null
    if (session === null) return
    await session.reportWaiting(this.#id, null).catch(() => {})
    await closeQuietly(session)
  }

  #tell(): void {
    if (this.#telling !== null) return
    const error = this.#outages.current().map(({ what, error: why }) => `${what}: ${why}`)
    const report = {
      waitingMs: this.#clock.monotonic() - this.#since,
      error: error.join('; ') || 'the broker has not answered yet',
    }
    this.#telling = this.#report(report).finally(() => {
      this.#telling = null
    })
  }

  async #report(report: WaitingReport): Promise<void> {
    try {
      this.#session ??= await this.#store.openRelaySession()
      await this.#session.reportWaiting(this.#id, report)
    } catch {
      // The database is away as well: what is wrong is in the log.
    }
  }
}
