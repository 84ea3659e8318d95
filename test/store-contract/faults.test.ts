import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { outboxStoreContract } from '../../src/testing/outbox-store-contract.ts'
import { appendingFaults } from './faults/appending.ts'
import { blockingFaults } from './faults/blocking.ts'
import { refusingFaults } from './faults/refusing.ts'
import { cleaningFaults } from './faults/cleaning.ts'
import { fetchingFaults } from './faults/fetching.ts'
import { relayFaults } from './faults/relays.ts'
import { settlingFaults } from './faults/settling.ts'
import { tableFaults } from './faults/tables.ts'
import type { Fault } from './faulty.ts'
import { PostgresHarnesses } from './postgres-harness.ts'

const faults: readonly Fault[] = [
  ...tableFaults,
  ...appendingFaults,
  ...fetchingFaults,
  ...settlingFaults,
  ...relayFaults,
  ...blockingFaults,
  ...refusingFaults,
  ...cleaningFaults,
]

describe('the store contract finds a store that', { concurrency: 4 }, () => {
  let harnesses: PostgresHarnesses

  before(async () => {
    harnesses = await PostgresHarnesses.open('store_contract_faults')
  })
  after(async () => harnesses[Symbol.asyncDispose]())

  for (const fault of faults) {
    it(fault.what, async () => {
      for (const title of fault.foundBy) {
        const found = outboxStoreContract.find((one) => one.title === title)
        assert.ok(found !== undefined, `there is a case "${title}"`)
        await using harness = fault.harness(await harnesses.byPg())
        assert.equal(found.unless?.(harness) ?? null, null)
        await assert.rejects(found.run(harness), `"${title}" finds it`)
      }
    })
  }
})

it('each case of the store contract finds a fault', () => {
  const finding = new Set(faults.flatMap(({ foundBy }) => foundBy))
  const idle = outboxStoreContract.map(({ title }) => title).filter((title) => !finding.has(title))
  assert.deepEqual(idle, [])
})
