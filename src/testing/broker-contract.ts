import { after, before, describe, it } from 'node:test'
import { fencingCases } from './broker-contract/fencing.ts'
import { groupCases } from './broker-contract/groups.ts'
import type { BrokerHarness } from './broker-contract/harness.ts'
import { producingCases } from './broker-contract/producing.ts'
import { publishingCases } from './broker-contract/publishing.ts'
import { readingCases } from './broker-contract/reading.ts'
import type { ContractCase } from './contract-case.ts'

export type { BrokerHarness } from './broker-contract/harness.ts'

/**
 * What every broker promises, asserted by its `capabilities`. A case throws where a promise is
 * broken; all of them may share one harness, each uses topics and groups of its own.
 */
export const brokerContract: readonly ContractCase<BrokerHarness>[] = [
  ...publishingCases,
  ...producingCases,
  ...fencingCases,
  ...readingCases,
  ...groupCases,
]

/**
 * Registers the suite with `node:test`. `open` is called once, before the first case.
 *
 * @example
 * registerBrokerContract('my broker', () => openHarness())
 */
export function registerBrokerContract(name: string, open: () => Promise<BrokerHarness>): void {
  describe(`${name} keeps the broker contract`, () => {
    let harness: BrokerHarness | undefined
    before(async () => {
      harness = await open()
    })
    after(async () => harness?.[Symbol.asyncDispose]())
    for (const one of brokerContract) {
      it(one.title, { timeout: 120_000 }, async (test) => {
        if (harness === undefined) throw new Error('the harness did not open')
        const reason = one.unless?.(harness) ?? null
        if (reason !== null) test.skip(reason)
        else await one.run(harness)
      })
    }
  })
}
