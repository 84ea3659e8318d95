import type { Report } from './report.ts'

type Handled = NonNullable<Report['handled']>

/** Everything that the shop's processes said, and what it adds up to. */
export class Ledger {
  sent = 0
  rolledBack = 0
  readonly handled: Handled[] = []
  #waiting: { holds: () => boolean; resolve: () => void }[] = []

  add(report: Report): void {
    this.sent += report.sent ?? 0
    this.rolledBack += report.rolledBack ?? 0
    if (report.handled !== undefined) this.handled.push(report.handled)
    for (const { resolve } of this.#waiting.filter(({ holds }) => holds())) resolve()
  }

  /** Resolves when it holds after something was added, or after `timeoutMs`. */
  async until(holds: () => boolean, timeoutMs: number): Promise<void> {
    if (holds()) return
    const { promise, resolve } = Promise.withResolvers<void>()
    const waiting = { holds, resolve }
    this.#waiting.push(waiting)
    const timer = setTimeout(resolve, timeoutMs)
    await promise
    clearTimeout(timer)
    this.#waiting = this.#waiting.filter((other) => other !== waiting)
  }

  /** Compares the shop's own table with the topic and with what the handler got. */
  judge(
    orders: readonly string[],
    published: number,
  ): { holds: boolean; table: string; line: string } {
    const times = Map.groupBy(this.handled, ({ id }) => id)
    const exists = new Set(orders)
    const lost = orders.filter((id) => !times.has(id)).length
    const ghosts = [...times.keys()].filter((id) => !exists.has(id)).length
    const duplicated = this.handled.length - times.size
    const outOfOrder = this.#outOfOrder()
    const holds =
      lost + ghosts + duplicated + outOfOrder === 0 &&
      this.sent === orders.length &&
      published === orders.length
    const table = [
      ['orders in the database', orders.length],
      ['transactions rolled back', this.rolledBack],
      ['events in the topic', published],
      ['events handled', this.handled.length],
      ['of them without an order', ghosts],
    ]
      .map(([what, count]) => `  ${String(what).padEnd(26)}${String(count).padStart(6)}`)
      .join('\n')
    const line =
      `sent ${this.sent} · rolled back ${this.rolledBack} · published ${published} · handled ${this.handled.length}` +
      ` · lost ${lost} · duplicated ${duplicated} · out of order ${outOfOrder}`
    return { holds, table, line }
  }

  /** Events that came after a younger one of their customer. */
  #outOfOrder(): number {
    const latest = new Map<string, number>()
    let count = 0
    for (const { customer, number } of this.handled) {
      const before = latest.get(customer) ?? 0
      if (number < before) count += 1
      else latest.set(customer, number)
    }
    return count
  }
}
