import { type Backoff, backoffMs } from '../../core/backoff.ts'
import { type Clock, systemClock } from '../../core/clock.ts'
import { BrokerError, OffsetLostError } from '../../core/errors.ts'
import type { FetchOptions, Page, Position } from '../../core/log.ts'
import { isTopicDescription, type LogCluster } from './log-cluster.ts'
import { committedRecords } from './committed-records.ts'
import { brokerErrorOfCode, toBrokerError } from './failures.ts'
import { type FetchedPartition, FetchLine, type FetchPosition, type Flight } from './fetch-line.ts'
import { partitionKey } from './partition-key.ts'
import { errorName, isStale } from './protocol-errors.ts'
import { unlessAborted } from './unless-aborted.ts'

const OFFSET_OUT_OF_RANGE = 1
const RETRY: Backoff = { firstMs: 20, maxMs: 500, jitter: 0.2 }

/** Where to fetch, and what can't be fetched. */
interface Plan {
  readonly byLeader: ReadonlyMap<number, readonly FetchPosition[]>
  readonly failed: readonly Page[]
  /** Why some partitions are left out for now. */
  readonly leaderless: BrokerError | null
}

/** What the answers that are there come to. */
interface Harvest {
  readonly pages: Page[]
  /** Whether they tell more than that nothing came: a call need not wait any longer. */
  isNews: boolean
  /** Why something is to be asked for again, with fresh knowledge of the cluster. */
  problem: BrokerError | null
}

/**
 * Reads committed records. Each node is asked for the partitions that it leads, all side by side,
 * and the first answer is what a call returns. A leader that moved or can't be reached is looked
 * for again within the call, for as long as the caller is ready to wait.
 */
export class Fetcher {
  readonly #cluster: LogCluster
  readonly #clock: Clock
  readonly #lines = new Map<number, FetchLine>()
  /** The topic's id when a partition was read the last time: one made anew has other records. */
  readonly #readOf = new Map<string, string>()
  /** When a partition last had its turn: those that waited longest are asked for first. */
  readonly #served = new Map<string, number>()
  #turn = 0

  constructor(cluster: LogCluster, clock: Clock = systemClock) {
    this.#cluster = cluster
    this.#clock = clock
  }

  async fetch(positions: readonly Position[], options: FetchOptions): Promise<readonly Page[]> {
    const { signal } = options
    const deadline = this.#clock.monotonic() + options.maxWaitMs
    for (let failures = 0; ;) {
      signal.throwIfAborted()
      const maxWaitMs = Math.max(0, deadline - this.#clock.monotonic())
      const { pages, isNews, problem } = await this.#attempt(positions, { ...options, maxWaitMs })
      const left = deadline - this.#clock.monotonic()
      if (isNews) return pages
      if (left <= 0) {
        if (problem !== null && pages.length === 0) throw problem
        return pages
      }
      if (positions.length === 0) await this.#clock.sleep(left, signal)
      else if (problem !== null)
        await this.#clock.sleep(Math.min(left, backoffMs(RETRY, ++failures)), signal)
    }
  }

  async close(): Promise<void> {
    await Promise.all(Array.from(this.#lines.values(), (line) => line.close()))
  }

  async #attempt(positions: readonly Position[], options: FetchOptions): Promise<Harvest> {
    let plan: Plan
    try {
      plan = await unlessAborted(this.#plan(positions), options.signal)
    } catch (error) {
      options.signal.throwIfAborted()
      return { pages: [], isNews: false, problem: toBrokerError(error) }
    }
    const flights = new Map<Flight, FetchLine>()
    for (const [leader, ofLeader] of plan.byLeader) {
      const line = this.#line(leader)
      flights.set(line.ask(this.#inTurn(ofLeader), options), line)
    }
    const { failed, leaderless } = plan
    const harvest: Harvest = {
      pages: [...failed],
      isNews: failed.length > 0,
      problem: leaderless,
    }
    await this.#harvest(flights, new Map(positions.map((one) => [partitionKey(one), one])), {
      harvest,
      signal: options.signal,
    })
    return harvest
  }

  /** Waits for the first answer that is one, and takes all that are there by then. */
  async #harvest(
    flights: Map<Flight, FetchLine>,
    wanted: ReadonlyMap<string, Position>,
    { harvest, signal }: { harvest: Harvest; signal: AbortSignal },
  ): Promise<void> {
    for (let answered = false; flights.size > 0 && !answered;) {
      await unlessAborted(Promise.race(Array.from(flights.keys(), (one) => one.landed)), signal)
      for (const [flight, line] of flights) {
        const { outcome } = flight
        if (outcome === null) continue
        flights.delete(flight)
        line.take(flight)
        if ('error' in outcome) {
          for (const { topic } of wanted.values()) this.#cluster.forget(topic)
          harvest.problem = toBrokerError(outcome.error)
        } else {
          answered = true
          this.#addPages(outcome, wanted, harvest)
        }
      }
    }
  }

  #addPages(
    fetched: readonly FetchedPartition[],
    wanted: ReadonlyMap<string, Position>,
    harvest: Harvest,
  ): void {
    for (const one of fetched) {
      const key = partitionKey(one.position)
      // An answer to an earlier call may bring what nobody asks for any more.
      if (wanted.get(key)?.offset !== one.position.offset) continue
      const { errorCode } = one.partition
      if (isStale(errorCode)) {
        this.#cluster.forget(one.position.topic)
        harvest.problem = brokerErrorOfCode(errorCode, `${key}: ${errorName(errorCode)}`)
      } else {
        const page = toPage(one)
        if (page.records.length > 0) this.#served.set(key, ++this.#turn)
        harvest.pages.push(page)
        if (page.nextOffset > one.position.offset || page.error !== null) harvest.isNews = true
      }
    }
  }

  async #plan(positions: readonly Position[]): Promise<Plan> {
    const topics = new Set(positions.map((one) => one.topic))
    const unknown = [...topics].filter((topic) => !isTopicDescription(this.#cluster.topic(topic)))
    if (unknown.length > 0) await this.#cluster.describe(unknown)
    const byLeader = new Map<number, FetchPosition[]>()
    const failed: Page[] = []
    let leaderless: BrokerError | null = null
    for (const position of positions) {
      const found = this.#locate(position)
      if (found instanceof Error) failed.push(failedPage(position, found))
      else if (found.leader < 0) leaderless = noLeader(this.#cluster, position)
      else {
        const ofLeader = byLeader.get(found.leader) ?? []
        byLeader.set(found.leader, ofLeader)
        ofLeader.push({ ...position, topicId: found.topicId })
      }
    }
    return { byLeader, failed, leaderless }
  }

  #locate(position: Position): { leader: number; topicId: string } | OffsetLostError | BrokerError {
    const { topic, partition } = position
    const state = this.#cluster.topic(topic)
    if (!isTopicDescription(state))
      return state ?? new BrokerError('topic-unavailable', `no answer about ${topic}`, { topic })
    const key = partitionKey(position)
    const before = this.#readOf.get(key)
    this.#readOf.set(key, state.id)
    if (before !== undefined && before !== state.id)
      return new OffsetLostError(`topic ${topic} was deleted and made anew`, position)
    const leader = state.leaders.get(partition)
    if (leader === undefined) {
      this.#cluster.forget(topic)
      return new BrokerError('topic-unavailable', `${topic} has no partition ${partition}`, {
        topic,
      })
    }
    return { leader, topicId: state.id }
  }

  #inTurn(positions: readonly FetchPosition[]): readonly FetchPosition[] {
    const turn = (one: Position): number => this.#served.get(partitionKey(one)) ?? 0
    return positions.toSorted((a, b) => turn(a) - turn(b))
  }

  #line(leader: number): FetchLine {
    let line = this.#lines.get(leader)
    if (line === undefined) {
      line = new FetchLine(this.#cluster, leader)
      this.#lines.set(leader, line)
    }
    return line
  }
}

function noLeader(cluster: LogCluster, position: Position): BrokerError {
  cluster.forget(position.topic)
  return new BrokerError('away', `${partitionKey(position)} has no leader now`)
}

function failedPage(position: Position, error: OffsetLostError | BrokerError): Page {
  const { topic, partition, offset } = position
  return { topic, partition, records: [], nextOffset: offset, endOffset: offset, error }
}

function toPage({ position, partition: answer }: FetchedPartition): Page {
  const { topic, partition, offset } = position
  if (answer.errorCode === OFFSET_OUT_OF_RANGE) {
    const message = `${topic} has no offset ${offset} in partition ${partition} any more`
    return failedPage(position, new OffsetLostError(message, position))
  }
  if (answer.errorCode !== 0) {
    const text = `${topic}, partition ${partition}: ${errorName(answer.errorCode)}`
    return failedPage(position, brokerErrorOfCode(answer.errorCode, text, topic))
  }
  const committed = committedRecords(answer.records ?? [], answer.abortedTransactions ?? [], offset)
  return { topic, partition, ...committed, endOffset: answer.lastStableOffset, error: null }
}
