import { BACKLOG_CAP } from '../core/outbox-store.ts'
import type { Status } from '../operations/status-report.ts'
import { bytesText, countText, durationText, rateText } from './quantities.ts'

/** A status for people: the sentence first. */
export function statusAsText(seen: Status): string {
  const { backlog, rates, lanes, relays, schema, ledger, openTransactions } = seen
  const owners = relays
    .filter((relay) => relay.lanes > 0)
    .map(({ id, state, lanes: own }) => `${id} ${own}${state === 'live' ? '' : ` (${state})`}`)
  const window = durationText(Math.min(rates.inWindowMs, rates.outWindowMs))
  const [longest] = openTransactions
  const age =
    longest?.ageMs === null || longest === undefined
      ? ''
      : `, the oldest for ${durationText(longest.ageMs)}`
  return [
    seen.sentence,
    `pending   ${capped(backlog.pending)}   oldest ${ageText(backlog.oldestAgeMs)}   in ${rateText(rates.in)}/s   out ${rateText(rates.out)}/s   (last ${window})`,
    `blocked   ${capped(backlog.blocked)}   held ${capped(backlog.held)}   dead ${capped(backlog.dead)}`,
    `lanes     ${lanes.owned} of ${lanes.total} owned   ${owners.join('  ')}`.trimEnd(),
    `broker    ${brokerText(seen)}`,
    `schema    ${schema}   ledger about ${countText(ledger.events)} events, ${bytesText(ledger.bytes)}`,
    `open      ${openTransactions.length} transactions that have stored events${age}`,
    ...topicLines(seen),
  ].join('\n')
}

function brokerText({ broker }: Status): string {
  if (broker.state === 'unknown') return 'unknown: no relay reports'
  const settled =
    broker.settledMs === null
      ? 'no batch settled yet'
      : `last settled ${durationText(broker.settledMs)} ago`
  return broker.state === 'answers'
    ? `answers   ${settled}`
    : `away for ${durationText(broker.awayMs ?? 0)}   ${broker.error}`
}

function topicLines({ topics }: Status): string[] {
  if (topics.length === 0) return []
  const rows = topics.map((one) => [
    one.topic,
    countText(one.pending),
    ageText(one.oldestAgeMs),
    rateText(one.in),
    rateText(one.out),
    countText(one.held),
    countText(one.dead),
  ])
  const table = [['topic', 'pending', 'oldest', 'in/s', 'out/s', 'held', 'dead'], ...rows]
  const widths = table[0]!.map((_, n) => Math.max(...table.map((row) => row[n]!.length)))
  const padded = table.map((row) =>
    row.map((cell, n) => (n === 0 ? cell.padEnd(widths[n]!) : cell.padStart(widths[n]!))),
  )
  return ['', ...padded.map((row) => `  ${row.join('   ')}`)]
}

function ageText(ms: number | null): string {
  return ms === null ? '-' : durationText(ms)
}

function capped(count: number): string {
  return `${countText(count)}${count >= BACKLOG_CAP ? '+' : ''}`
}
