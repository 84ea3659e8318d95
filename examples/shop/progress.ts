import type { Ledger } from './ledger.ts'

/** What goes on, live: one line that changes on a terminal, a line a second elsewhere. */
export class Progress implements Disposable {
  readonly #ledger: Ledger
  readonly #startedAt: number
  readonly #live = process.stdout.isTTY
  readonly #timer: NodeJS.Timeout

  constructor(ledger: Ledger, startedAt: number) {
    this.#ledger = ledger
    this.#startedAt = startedAt
    this.#timer = setInterval(() => this.#draw(), this.#live ? 80 : 1000)
  }

  note(text: string): void {
    console.log(`${this.#live ? '\r\u001b[K' : ''}${this.#clock()}  ${text}`)
  }

  [Symbol.dispose](): void {
    clearInterval(this.#timer)
    if (this.#live) process.stdout.write('\r\u001b[K')
  }

  #draw(): void {
    const { sent, rolledBack, handled } = this.#ledger
    const text = `${this.#clock()}  sent ${sent} · rolled back ${rolledBack} · handled ${handled.length}`
    process.stdout.write(this.#live ? `\r\u001b[K${text}` : `${text}\n`)
  }

  #clock(): string {
    return `${((performance.now() - this.#startedAt) / 1000).toFixed(1).padStart(5)} s`
  }
}
