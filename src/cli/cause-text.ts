import type { OpenTransaction } from '../core/outbox-inspection.ts'
import type { Explanation, HeldBy } from '../operations/explanation.ts'
import { countText, durationText, sinceText, timeText } from './quantities.ts'

export interface CauseText {
  readonly headline: string
  readonly details: readonly string[]
  /** What to do next: one thing, or the other. */
  readonly steps: readonly string[]
}

/** What an event waits for, since when, what is behind it, and the next step. */
// oxlint-disable-next-line max-lines-per-function -- one case a verdict, to be read side by side.
export function causeOf(it: Explanation): CauseText {
  switch (it.verdict) {
    case 'delivered':
      return delivered(it)
    case 'not-found':
      return notFound(it)
    case 'invisible':
      return {
        headline: 'NOT DELIVERED  not visible: a transaction that may have it is still open',
        details: ['waits for the end of', ...it.transactions.map(transactionText)],
        steps: ['let that transaction commit, or end it; then ask again'],
      }
    case 'dead':
      return {
        headline: `NOT DELIVERED  dead, ${sinceText(it.at)}`,
        details: [`after ${it.attempts} attempts: ${it.error}`, 'no other event waits for it'],
        steps: [
          `mend what refused it, then: oncommit dead requeue ${it.event.uuid}`,
          `or give it up: oncommit dead discard ${it.event.uuid}`,
        ],
      }
    case 'discarded':
      return {
        headline: `NOT DELIVERED  discarded, ${sinceText(it.at)}`,
        details: [`by ${it.actor}: ${it.reason}`, 'no other event waits for it'],
        steps: ['to have it published, send it again as a new event'],
      }
    case 'retrying':
      return held(it.block, 'refused, and tried again by itself', [
        'mend the cause, or wait for the next attempt',
      ])
    case 'blocked':
      return held(it.block, 'blocked: refused, and tried no more', [
        `mend the cause, then: oncommit blocked release ${it.event.uuid}`,
        `or give it up: oncommit blocked discard ${it.event.uuid}`,
      ])
    case 'draining':
      return held(it.block, 'its key was freed, what was held goes first', ['wait'])
    case 'blocked-by':
      return held(
        it.block,
        'blocked by an earlier event of its key',
        [it.by === null ? 'mend the cause' : `oncommit why ${it.by}`],
        it.by === null ? [] : [`waits for ${it.by}`],
      )
    case 'topic-parked':
      return held(it.block, `the topic ${it.block.topic} is parked`, [
        `make the topic ${it.block.topic} available: it is asked for again and again`,
      ])
    case 'lane-unowned':
      return {
        headline: `NOT DELIVERED  its lane ${it.event.lane} has no owner`,
        details: [`${it.liveRelays} relays live`],
        steps: [
          it.liveRelays === 0
            ? 'start a relay: oncommit relay'
            : 'ask again: a relay that lives takes it within its lease',
        ],
      }
    case 'owner-expired':
    case 'owner-fenced':
      return {
        headline: `NOT DELIVERED  the owner of its lane ${it.event.lane} is dead`,
        details: [
          `relay ${it.owner.id}, ${it.owner.state}; its lease ran out ${durationText(Math.max(0, -it.owner.leaseMs))} ago`,
          `${it.liveRelays} relays live`,
        ],
        steps: [
          it.liveRelays === 0
            ? 'start a relay: oncommit relay'
            : 'ask again: a relay that lives takes its lanes over',
        ],
      }
    case 'broker-away':
      return {
        headline: `NOT DELIVERED  the broker has been away for ${durationText(it.awayMs)}`,
        details: [`relay ${it.relay.id}: ${it.relay.error}`, 'no attempts are used'],
        steps: ['bring the broker back: events go on by themselves'],
      }
    case 'owner-stalled':
      return {
        headline: `NOT DELIVERED  the owner of its lane ${it.event.lane} does nothing, for ${durationText(it.stalledMs)}`,
        details: [
          `relay ${it.owner.id}, its lease has ${durationText(Math.max(0, it.owner.leaseMs))} left`,
          ...(it.owner.report?.lastError ? [it.owner.report.lastError] : []),
        ],
        steps: [`restart relay ${it.owner.id}`],
      }
    case 'backlog':
      return {
        headline: 'NOT DELIVERED  yet: on its way',
        details: [
          `${countText(it.before.count)}${it.before.capped ? ' or more' : ''} events of its lane come first`,
        ],
        steps: ['oncommit status'],
      }
    case 'untracked':
      break
  }
  return {
    headline: 'NOT DELIVERED  neither waiting nor published, as far as the tables tell',
    details: [],
    steps: ['look for who changes the tables by hand'],
  }
}

function delivered(it: Extract<Explanation, { verdict: 'delivered' }>): CauseText {
  const places = it.place === null ? it.places : [it.place]
  const exact = it.place === null ? ', or behind it in its batch' : ''
  const where = places.map(({ topic, partition, offset }) => `${topic}-${partition}@${offset}`)
  return {
    headline: `DELIVERED  ${where.join(' ')}  ${timeText(it.publishedAt)}`,
    details:
      where.length === 0 ? ['where to was not recorded'] : [`at ${where.join(', or ')}${exact}`],
    steps: [`oncommit tail ${it.event.topic} --from ${it.publishedAt.toISOString()}`],
  }
}

function notFound(it: Extract<Explanation, { verdict: 'not-found' }>): CauseText {
  const made = it.madeAt === null ? [] : [`its uuid was made ${timeText(it.madeAt)}`]
  const oldest =
    it.oldestStoredAt === null ? [] : [`the oldest event here is of ${timeText(it.oldestStoredAt)}`]
  const what = {
    'never-committed': ['never committed here', 'look at the transaction of its sender'],
    forgotten: ['forgotten after the retention, or never committed', 'look in the topic itself'],
    unknown: ['the time to look was over', 'ask again: not all events were looked at'],
  } as const
  const [cause, step] = what[it.because]
  return { headline: `NOT FOUND  ${cause}`, details: [...made, ...oldest], steps: [step] }
}

function held(
  block: HeldBy,
  cause: string,
  steps: readonly string[],
  before: readonly string[] = [],
): CauseText {
  const { count, capped } = block.held
  const next = block.retryAt === null ? '' : `, next at ${timeText(block.retryAt)}`
  return {
    headline: `NOT DELIVERED  ${cause}, ${sinceText(block.since)}`,
    details: [
      ...before,
      ...(block.attempts === 0 ? [] : [`attempt ${block.attempts}${next}`]),
      block.error,
      `held: ${countText(count)}${capped ? ' or more' : ''} events of ${scopeText(block)}; nothing else is held back`,
    ],
    steps,
  }
}

function scopeText({ topic, key }: HeldBy): string {
  return key === null ? topic : `${topic}, key ${JSON.stringify(key)}`
}

function transactionText({ pid, ageMs, state, application }: OpenTransaction): string {
  const age = ageMs === null ? '' : `, open for ${durationText(ageMs)}`
  const name = application === '' ? '' : `  (${application})`
  return `  ${pid === null ? 'a prepared transaction' : `pid ${pid}`}  ${state}${age}${name}`
}
