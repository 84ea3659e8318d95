import type { Status, StatusOptions } from './status-report.ts'

type Seen = Omit<Status, 'healthy' | 'sentence' | 'problems'>

/** What does not pass by itself, the first cause first. */
export function problemsOf(
  { backlog, lanes, relays, broker, topics }: Seen,
  { maxAgeMs, maxDead }: Required<StatusOptions>,
): readonly string[] {
  const problems: string[] = []
  const unowned = lanes.total - lanes.owned
  const runs = relays.some(({ state }) => state === 'live')
  if (!runs && broker.state !== 'away') problems.push('no relay is running')
  else if (runs && unowned > 0) problems.push(`${unowned} lanes have no owner that lives`)
  if (broker.awayMs !== null)
    problems.push(`the broker has been away for ${seconds(broker.awayMs)}: ${broker.error}`)
  if (backlog.blocked === 1) problems.push('1 key or topic is blocked')
  else if (backlog.blocked > 1) problems.push(`${backlog.blocked} keys or topics are blocked`)
  if ((backlog.oldestAgeMs ?? 0) > maxAgeMs)
    problems.push(`oldest ${seconds(backlog.oldestAgeMs ?? 0)} > ${seconds(maxAgeMs)}`)
  if (backlog.dead > maxDead) {
    const names = topics.filter(({ dead }) => dead > 0).map(({ topic }) => topic)
    problems.push(`dead ${backlog.dead} > ${maxDead}${namesOf(names)}`)
  }
  return problems
}

export function sentenceOf({ backlog, rates }: Seen, problems: readonly string[]): string {
  if (problems.length > 0) return `unhealthy: ${problems.join('; ')}`
  if (backlog.pending === 0) return `ok: ${rates.out > 0 ? 'delivering, ' : ''}nothing waits`
  return rates.out === 0
    ? 'ok: events wait, none was delivered in the last minute'
    : `ok: delivering, ${rates.out >= rates.in ? 'draining' : 'more comes in than goes out'}`
}

function namesOf(names: readonly string[]): string {
  if (names.length === 0) return ''
  const more = names.length > 3 ? ` and ${names.length - 3} more` : ''
  return ` (${names.slice(0, 3).join(', ')}${more})`
}

function seconds(ms: number): string {
  return `${Math.round(ms / 100) / 10} s`
}
