import { describe, it } from 'node:test'
import type { ContractCase } from './contract-case.ts'
import { discardingCases } from './outbox-operations-contract/discarding.ts'
import { lookingCases } from './outbox-operations-contract/looking.ts'
import { requeueingCases } from './outbox-operations-contract/requeueing.ts'
import type { StoreHarness } from './outbox-store-contract/harness.ts'

/**
 * What every outbox store promises to operators. A case throws where a promise is broken; each needs
 * a harness of its own, on tables that are empty.
 */
export const outboxOperationsContract: readonly ContractCase<StoreHarness>[] = [
  ...lookingCases,
  ...requeueingCases,
  ...discardingCases,
]

/**
 * Registers the suite with `node:test`. `open` is called for each case.
 *
 * @example
 * registerOutboxOperationsContract('my database', () => openHarness())
 */
export function registerOutboxOperationsContract(
  name: string,
  open: () => Promise<StoreHarness>,
): void {
  describe(`${name} keeps the operations contract`, () => {
    for (const one of outboxOperationsContract) {
      it(one.title, { timeout: 120_000 }, async (test) => {
        await using harness = await open()
        const reason = one.unless?.(harness) ?? null
        if (reason !== null) test.skip(reason)
        else await one.run(harness)
      })
    }
  })
}
