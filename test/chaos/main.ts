// npm run chaos: kills and freezes relays under load on real servers, and judges by Kafka's own
// consumer. Exit code 0 only without violations.
import { parseArgs } from 'node:util'
import { oneOf, wholeNumber } from '../../src/core/options.ts'
import { startKafka, startPostgres } from '../servers/index.ts'
import { Campaign } from './campaign.ts'
import { violations } from './judge.ts'
import { killRound } from './kill-rounds.ts'
import { seeded } from './random.ts'

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '50' },
    guarantee: { type: 'string', default: 'both' },
    seed: { type: 'string', default: String(Date.now() % 1_000_000) },
  },
})
const RELAYS = 3
const seed = wholeNumber('--seed', Number(values.seed), { min: 0 })
const rounds = wholeNumber('--rounds', Number(values.rounds), { min: 1 })
const given = oneOf('--guarantee', values.guarantee, ['both', 'exactly-once', 'at-least-once'])
const guarantees = given === 'both' ? (['exactly-once', 'at-least-once'] as const) : [given]
const random = seeded(seed)
const totals = { violations: 0, rounds: 0, events: 0 }
console.log(`seed ${seed}, ${rounds} rounds`)

await using postgres = await startPostgres()
await using kafka = await startKafka()
for (const [index, guarantee] of guarantees.entries()) {
  const share =
    Math.floor((rounds * (index + 1)) / guarantees.length) -
    Math.floor((rounds * index) / guarantees.length)
  await run(guarantee, share)
}
console.log(`violations ${totals.violations} · rounds ${totals.rounds} · events ${totals.events}`)
process.exitCode = totals.violations === 0 ? 0 : 1

async function run(guarantee: 'exactly-once' | 'at-least-once', count: number): Promise<void> {
  await using campaign = await Campaign.begin({ postgres, kafka, guarantee })
  for (let n = 0; n < RELAYS; n++) campaign.startRelay()
  const takeovers: number[] = []
  for (let round = 1; round <= count; round++) {
    const { fault, takeoverMs } = await killRound(
      campaign,
      round % 2 === 0 ? 'SIGSTOP' : 'SIGKILL',
      random,
    )
    takeovers.push(takeoverMs)
    console.log(
      `${guarantee} ${String(round).padStart(2)}/${count}  ${fault}  taken over after ${(takeoverMs / 1000).toFixed(1)} s` +
        `  ${campaign.writers.committed.length} committed`,
    )
  }
  const verdict = await campaign.judge()
  const { mayRepeat, unplanned } = campaign
  const found = violations(verdict, mayRepeat)
  totals.violations += found
  totals.rounds += count
  totals.events += verdict.committed
  const { committed, lost, ghosts, duplicated, repeats, renamed, reordered, steppedBack } = verdict
  console.log(
    `${guarantee}: ${committed} events · lost ${lost} · ghosts ${ghosts} · duplicated ${duplicated} (at most ${Math.max(...repeats)} after a fault, ${mayRepeat} allowed)` +
      ` · renamed ${renamed} · reordered ${reordered} · stepped back ${steppedBack} · leases lost without a fault ${unplanned} · takeover median ${median(takeovers)} s, longest ${seconds(Math.max(...takeovers))} s`,
  )
  if (found > 0) for (const relay of campaign.relays) console.log(relay.log)
}

function median(ms: readonly number[]): string {
  return seconds(ms.toSorted((a, b) => a - b)[Math.floor(ms.length / 2)] ?? 0)
}

function seconds(ms: number): string {
  return (ms / 1000).toFixed(1)
}
