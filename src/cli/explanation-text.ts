import type { Explanation } from '../operations/explanation.ts'

/** The verdict of an explanation, as a line for people. */
export function explanationAsText(it: Explanation): string {
  if (it.verdict === 'delivered') {
    const [at] = it.place === null ? it.places : [it.place]
    const where = at === undefined ? '' : `  ${at.topic}-${at.partition}@${at.offset}`
    const exact = it.place === null && at !== undefined ? ' or behind it in its batch' : ''
    return `DELIVERED${where}${exact}  ${it.publishedAt.toISOString()}`
  }
  return it.verdict === 'not-found' ? `NOT FOUND  ${it.because}` : `NOT DELIVERED  ${causeOf(it)}`
}

type Undelivered = Exclude<Explanation, { verdict: 'delivered' | 'not-found' }>

function causeOf(it: Undelivered): string {
  switch (it.verdict) {
    case 'invisible': {
      const pids = it.transactions.map(({ pid, ageMs }) => `pid ${pid} (${ageMs} ms)`).join(', ')
      return `not visible; transactions that stored events are open: ${pids}`
    }
    case 'dead':
      return `dead since ${it.at.toISOString()}: ${JSON.stringify(it.error)}`
    case 'refused':
    case 'retrying':
    case 'topic-parked':
      return `${it.verdict} since ${it.block.since.toISOString()}: ${JSON.stringify(it.block.error)}`
    case 'blocked-by':
      return `blocked by ${it.by} of its key since ${it.block.since.toISOString()}: ${JSON.stringify(it.block.error)}`
    case 'lane-unowned':
      return `lane ${it.event.lane} has no owner, ${it.liveRelays} relays live`
    case 'owner-expired':
    case 'owner-fenced':
      return `relay ${it.owner.id}, which owns lane ${it.event.lane}, is ${it.owner.state}`
    case 'broker-away':
      return `the broker has not answered for ${it.awayMs} ms: ${JSON.stringify(it.owner.report?.lastError)}`
    case 'owner-stalled':
      return `relay ${it.owner.id} has settled nothing for ${it.stalledMs} ms`
    case 'backlog':
      return `${it.before.count}${it.before.capped ? ' or more' : ''} events of its lane come first`
    case 'untracked':
      break
  }
  return 'neither waiting nor published, as far as the tables tell'
}
