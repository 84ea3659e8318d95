import { describe, it } from 'node:test'

import type { ContractCase } from '../contract-case.ts'
import { cleaningCases } from './cleaning.ts'
import { concurrencyCases } from './concurrency.ts'
import { handlingCases } from './handling.ts'
import type { InboxHarness } from './harness.ts'

export type { InboxHarness } from './harness.ts'

/**
 * What every inbox promises. A case throws where a promise is broken; each needs a harness of its
 * own, on tables that are empty.
 */
export const inboxContract: readonly ContractCase<InboxHarness>[] = [
  ...handlingCases,
  ...concurrencyCases,
  ...cleaningCases,
]

/**
 * Registers the suite with `node:test`. `open` is called for each case.
 *
 * @example
 * registerInboxContract('my database', () => openHarness())
 */
export function registerInboxContract(name: string, open: () => Promise<InboxHarness>): void {
  describe(`${name} keeps the inbox contract`, () => {
    for (const one of inboxContract) {
      it(one.title, { timeout: 120_000 }, async (test) => {
        await using harness = await open()
        const reason = one.unless?.(harness) ?? null
        if (reason !== null) test.skip(reason)
        else await one.run(harness)
      })
    }
  })
}
