import { OncommitError, reasonOf } from '../core/errors.ts'
import type { Broker, Publisher } from '../core/broker.ts'
import type { Clock } from '../core/clock.ts'
import type { Codec } from '../core/codec.ts'
import type { Logger } from '../core/logger.ts'
import type { OutboxStore, RelaySession } from '../core/outbox-store.ts'
import { uuidv7 } from '../core/uuid.ts'
import { BlockedKeys } from './blocked-keys.ts'
import { aborted, limitStop } from './stopping.ts'
import { RELAY_PROTOCOL } from './lane-shares.ts'
import { Lease } from './lease.ts'
import { Membership } from './membership.ts'
import type { RelaySettings } from './options.ts'
import type { OutageLog } from './outage-log.ts'
import { closeQuietly } from './close-quietly.ts'
import { Parking } from './parking.ts'
import { Pipeline } from './pipeline.ts'
import { Publishing } from './publishing.ts'
import { Refusals } from './refusals.ts'
import { RelayReports } from './relay-reports.ts'
import { Settler } from './settler.ts'
import { TopicProbes } from './topic-probes.ts'
import type { WakeUp } from './wake-up.ts'

export interface IncarnationContext {
  readonly store: Pick<OutboxStore, 'lanes' | 'outbox' | 'openRelaySession'>
  readonly broker: Broker
  readonly codecFor: (topic: string) => Codec
  readonly settings: RelaySettings
  readonly wakeUp: WakeUp
  readonly outages: OutageLog
  readonly logger: Logger
  readonly clock: Clock
  readonly onSettled: (events: number) => void
}

interface OwnParts {
  readonly id: string
  readonly life: AbortController
  readonly publisher: Publisher
  readonly session: RelaySession
  readonly topicByTopic: boolean
}

const BROKER = 'the broker does not answer, events wait'

/**
 * One life of a relay, under an id that is never used again.
 *
 * It begins by taking its place at the broker, and only then is it enrolled, so that whoever finds
 * it dead can shut it out. It ends in one of two ways. *Stopped*: what is in hand is finished,
 * lanes are given back, the row goes. *Lost* (another relay fenced it, or the outcome of a publish
 * is unknown): it forgets what is in hand and marks itself fenced; the next life takes its lanes
 * over like those of any dead relay, so that a crash, a freeze and an ambiguous answer are one case.
 */
export class Incarnation {
  readonly id: string
  readonly #context: IncarnationContext
  readonly #session: RelaySession
  readonly #publisher: Publisher
  readonly #life: AbortController
  readonly #giveUp = new AbortController()
  readonly #settler: Settler
  readonly #pipeline: Pipeline
  readonly #membership: Membership
  readonly #blocked: BlockedKeys
  #fenced = false

  /** Rejects where the broker or the database can't be had. */
  static async begin(context: IncarnationContext, topicByTopic: boolean): Promise<Incarnation> {
    const id = uuidv7(context.clock.now())
    const life = new AbortController()
    const { store, broker, outages, settings } = context
    const publisher = await broker.openPublisher({
      outbox: store.outbox,
      relayId: id,
      signal: life.signal,
      onAway: (error) => (error === null ? outages.over(BROKER) : outages.failing(BROKER, error)),
    })
    let session: RelaySession | undefined
    try {
      session = await store.openRelaySession()
      await session.enroll({
        id,
        fence: publisher.fence,
        protocol: RELAY_PROTOCOL,
        ttlMs: settings.ttlMs,
      })
    } catch (error) {
      await Promise.allSettled([publisher.close(), session?.[Symbol.asyncDispose]()])
      throw error
    }
    return new Incarnation(context, { id, life, publisher, session, topicByTopic })
  }

  private constructor(context: IncarnationContext, own: OwnParts) {
    const { id, life, publisher, session } = own
    this.id = id
    this.#context = context
    this.#life = life
    this.#publisher = publisher
    this.#session = session
    const { settler, pipeline, membership, blocked } = wire(context, own, {
      giveUp: this.#giveUp.signal,
      onFenced: () => {
        this.#fenced = true
        life.abort(new OncommitError('ONCOMMIT_STOPPED', 'another relay has fenced this one'))
      },
    })
    this.#settler = settler
    this.#pipeline = pipeline
    this.#membership = membership
    this.#blocked = blocked
  }

  get state(): {
    readonly standsBy: boolean
    readonly lanes: readonly number[]
    readonly blocked: ReturnType<BlockedKeys['summary']>
  } {
    const { standsBy, owned } = this.#membership
    return { standsBy, lanes: owned, blocked: this.#blocked.summary() }
  }

  /** Works until `stopping` aborts or this life is lost. Never rejects; `null` where it stopped cleanly. */
  async run(stopping: AbortSignal): Promise<{ readonly lostBy: unknown } | null> {
    const life = this.#life
    const disarm = limitStop(stopping, this.#context, () => {
      this.#giveUp.abort()
      life.abort(new OncommitError('ONCOMMIT_STOPPED', 'the relay was stopped with work in hand'))
    })
    const beating = this.#membership.run()
    const working = this.#pipeline.run().catch((error: unknown) => life.abort(error))
    await aborted(stopping, life.signal)
    const clean = !life.signal.aborted && (await this.#finish())
    const lostBy: unknown = clean ? null : life.signal.reason
    life.abort(new OncommitError('ONCOMMIT_STOPPED', 'the relay was stopped'))
    const over = Promise.all([beating, working, this.#settler.idle()])
    await Promise.race([over, aborted(this.#giveUp.signal)])
    await Promise.race([this.#signOff(clean), aborted(this.#giveUp.signal)])
    disarm()
    return clean ? null : { lostBy }
  }

  async #signOff(clean: boolean): Promise<void> {
    await this.#publisher.close().catch(() => {})
    await this.#depart(clean)
  }

  /** Finishes what is in hand; `false` where this life is lost before. */
  async #finish(): Promise<boolean> {
    const finished = this.#membership.leave().then(
      () => true,
      () => false,
    )
    const clean = await Promise.race([finished, aborted(this.#life.signal).then(() => false)])
    return clean && !this.#life.signal.aborted
  }

  /**
   * Cleanly: nothing of this life is unsettled, and its row goes. Otherwise it is marked fenced, so
   * that its lanes are taken over at once. Where that fails its lease runs out: no harm is done.
   */
  async #depart(clean: boolean): Promise<void> {
    const session = this.#session
    try {
      const fence = this.#fenced ? null : await session.markFenced(this.id, { resigning: true })
      if (clean && fence !== null) {
        await session.bury(this.id)
        await this.#context.broker.forget(fence)
      }
    } catch (error) {
      this.#context.logger.warn(`oncommit: relay could not sign off: ${reasonOf(error)}`)
    }
    await closeQuietly(session)
  }
}

/** Puts the parts of one life together: a list, which would not read better in pieces. */
// oxlint-disable-next-line max-lines-per-function
function wire(
  context: IncarnationContext,
  own: OwnParts,
  hooks: { giveUp: AbortSignal; onFenced: () => void },
): { settler: Settler; pipeline: Pipeline; membership: Membership; blocked: BlockedKeys } {
  const { settings, broker, outages, clock, logger, store, codecFor, wakeUp } = context
  const { id, life, publisher, session, topicByTopic } = own
  const shared = { relayId: id, session, outages, clock, logger, ended: life.signal, settings }
  const lease = new Lease(clock, settings.ttlMs)
  const blocked = new BlockedKeys((topic, afterMs) => void probes.watch(topic, afterMs))
  const onAvailable = (topic: string): void => {
    blocked.topics.isBack(topic)
    wakeUp.notify()
  }
  const probes = new TopicProbes({ ...shared, broker, onAvailable })
  const reports = new RelayReports(outages, clock, BROKER)
  const onSettled = reports.countingTo(context.onSettled)
  const settler = new Settler({ ...shared, giveUp: hooks.giveUp, onSettled })
  const parking = new Parking(shared)
  const refusals = new Refusals({ ...shared, blocked, policies: settings.refusals })
  const publishing = new Publishing({
    ...shared,
    refusals,
    publisher,
    settler,
    parking,
    blocked,
    lease,
    codecFor,
    topicByTopic,
    maxRecordBytes: broker.maxRecordBytes,
  })
  const pipeline = new Pipeline({
    ...shared,
    publishing,
    settler,
    blocked,
    wakeUp,
    onLost: (error) => life.abort(error),
  })
  const membership = new Membership({
    ...shared,
    broker,
    lease,
    ttlMs: settings.ttlMs,
    report: () => reports.now(),
    onFenced: hooks.onFenced,
    policy: {
      relayId: id,
      lanes: store.lanes,
      maxRelays: settings.maxRelays,
    },
    onGained: async (lanes) => {
      const entries = await session.blocked(lanes)
      if (entries.length > 0)
        logger.warn(
          `oncommit: ${entries.length} keys or topics are blocked on the lanes of this relay`,
        )
      blocked.load(entries)
      pipeline.addLanes(lanes)
    },
    relinquish: (lanes) => pipeline.relinquish(lanes),
  })
  return { settler, pipeline, membership, blocked }
}
