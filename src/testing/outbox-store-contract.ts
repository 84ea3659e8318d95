import { describe, it } from 'node:test'
import type { ContractCase } from './contract-case.ts'
import { appendingCases } from './outbox-store-contract/appending.ts'
import { blockingCases } from './outbox-store-contract/blocking.ts'
import { refusingCases } from './outbox-store-contract/refusing.ts'
import { cleaningCases } from './outbox-store-contract/cleaning.ts'
import { fetchingCases } from './outbox-store-contract/fetching.ts'
import { fidelityCases } from './outbox-store-contract/fidelity.ts'
import type { StoreHarness } from './outbox-store-contract/harness.ts'
import { lateCommitCases } from './outbox-store-contract/late-commits.ts'
import { membershipCases } from './outbox-store-contract/membership.ts'
import { settlingCases } from './outbox-store-contract/settling.ts'
import { tableCases } from './outbox-store-contract/tables.ts'
import { takeoverCases } from './outbox-store-contract/takeover.ts'

export type { StoreHarness } from './outbox-store-contract/harness.ts'

/**
 * What every outbox store promises. A case throws where a promise is broken; each needs a harness
 * of its own, on tables that are empty.
 */
export const outboxStoreContract: readonly ContractCase<StoreHarness>[] = [
  ...tableCases,
  ...appendingCases,
  ...fidelityCases,
  ...fetchingCases,
  ...lateCommitCases,
  ...settlingCases,
  ...membershipCases,
  ...takeoverCases,
  ...blockingCases,
  ...refusingCases,
  ...cleaningCases,
]

/**
 * Registers the suite with `node:test`. `open` is called for each case.
 *
 * @example
 * registerOutboxStoreContract('my database', () => openHarness())
 */
export function registerOutboxStoreContract(name: string, open: () => Promise<StoreHarness>): void {
  describe(`${name} keeps the store contract`, () => {
    for (const one of outboxStoreContract) {
      it(one.title, { timeout: 120_000 }, async (test) => {
        await using harness = await open()
        const reason = one.unless?.(harness) ?? null
        if (reason !== null) test.skip(reason)
        else await one.run(harness)
      })
    }
  })
}
