import assert from 'node:assert/strict'
import { test } from 'node:test'
import { startKafka, startPostgres } from '../servers/index.ts'
import { Campaign } from './campaign.ts'
import { violations } from './judge.ts'
import { killRound } from './kill-rounds.ts'
import { seeded } from './random.ts'

const FAULTS = ['SIGKILL', 'SIGSTOP', 'SIGKILL', 'SIGSTOP'] as const

for (const guarantee of ['exactly-once', 'at-least-once'] as const) {
  test(`relays that are killed and frozen keep the promises of ${guarantee}`, async (context) => {
    await using postgres = await startPostgres()
    await using kafka = await startKafka()
    await using campaign = await Campaign.begin({ postgres, kafka, guarantee })
    campaign.startRelay()
    campaign.startRelay()
    const random = seeded(20_261_124)
    for (const fault of FAULTS) await killRound(campaign, fault, random)
    const verdict = await campaign.judge()
    context.diagnostic(JSON.stringify(verdict))
    assert.equal(
      violations(verdict, campaign.mayRepeat),
      0,
      campaign.relays.map((relay) => relay.log).join(),
    )
    assert.ok(verdict.committed > 1000, 'the load was real')
  })
}
