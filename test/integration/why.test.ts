import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { after, before, describe, it } from 'node:test'

import { uuidv7 } from '../../src/core/uuid.ts'
import type { RelayReport } from '../../src/core/outbox-terms.ts'
import type { ExplainOptions, Explanation } from '../../src/index.ts'
import type { Operations } from '../../src/operations/operations.ts'
import type { StoreHarness } from '../../src/testing/outbox-store-contract.ts'
import { OperatorShop } from '../relay/operator-shop.ts'
import { eventually } from '../relay/outbox-fixture.ts'
import { TOPIC } from '../relay/refusal-shop.ts'
import { PostgresHarnesses } from '../store-contract/postgres-harness.ts'
import { openSqlite } from '../store-contract/sqlite-harness.ts'

let harnesses: PostgresHarnesses

before(async () => {
  harnesses = await PostgresHarnesses.open('why')
})
after(async () => harnesses[Symbol.asyncDispose]())

const stores: Readonly<Record<string, () => Promise<StoreHarness>>> = {
  PostgreSQL: async () => harnesses.byPg(),
  SQLite: openSqlite,
}
const BY = { actor: 'ada', reason: 'INC-1' } as const
/** Longer than any test: what is tried again is not tried again here. */
const LATER = { retryMs: 600_000, maxRetryMs: 600_000 } as const
const AT_ONCE = { maxAttempts: 1 } as const
const TTL_MS = 60_000

async function why<V extends Explanation['verdict']>(
  operations: Operations,
  uuid: string,
  verdict: V,
  options: ExplainOptions = {},
): Promise<Explanation & { verdict: V }> {
  const explanation = await operations.why(uuid, options)
  assert.equal(explanation.verdict, verdict, JSON.stringify(explanation))
  return explanation as Explanation & { verdict: V }
}

/** Commits a refused event and one behind it, and gives their uuids. */
async function refuse({ shop }: OperatorShop, key: string | null): Promise<[string, string]> {
  const [head, behind] = [uuidv7(), uuidv7()]
  shop.poison('poison')
  await shop.commitAll(
    { topic: TOPIC, key, uuid: head, payload: 'poison' },
    { topic: TOPIC, key, uuid: behind, payload: 'fine' },
  )
  return [head, behind]
}

async function untilDelivered(operations: Operations, uuid: string): Promise<Explanation> {
  return eventually('it is delivered', async () => {
    const explanation = await operations.why(uuid)
    return explanation.verdict === 'delivered' ? explanation : undefined
  })
}

for (const [name, openHarness] of Object.entries(stores)) {
  describe(`why an event is not delivered from an outbox on ${name}`, () => {
    it('retrying: it was refused and is tried again by itself, and what is behind it is blocked by it', async () => {
      await using opened = await OperatorShop.open(await openHarness())
      const { shop, operations } = opened
      await shop.relay({ refusals: LATER })
      const [head, behind] = await refuse(opened, 'k')
      await opened.untilHeld(2)
      const { block } = await why(operations, head, 'retrying')
      assert.match(block.error, /made to be refused/)
      assert.deepEqual(
        { state: block.state, attempts: block.attempts, held: block.held },
        { state: 'retrying', attempts: 1, held: { count: 2, capped: false } },
      )
      assert.ok(Number(block.retryAt) > Date.now())
      assert.equal((await why(operations, behind, 'blocked-by')).by, head)
    })

    it('blocked: it was tried as often as it may be, draining: it was released, and then it is delivered', async () => {
      await using opened = await OperatorShop.open(await openHarness())
      const { shop, operations } = opened
      const relay = await shop.relay({ refusals: AT_ONCE })
      const [head, behind] = await refuse(opened, 'k')
      await opened.untilHeld(2)
      const { block } = await why(operations, head, 'blocked')
      assert.deepEqual(
        { state: block.state, attempts: block.attempts, retryAt: block.retryAt },
        { state: 'blocked', attempts: 1, retryAt: null },
      )
      assert.equal((await why(operations, behind, 'blocked-by')).by, head)
      await relay.stop()
      await operations.release({ key: 'k' }, BY)
      await why(operations, head, 'draining')
      await why(operations, behind, 'draining')
      shop.poison()
      await shop.relay()
      await untilDelivered(operations, behind)
      const { place } = await why(operations, head, 'delivered')
      assert.equal(place?.topic, TOPIC)
    })

    it('dead: it was given up, draining: it was requeued, and then it is delivered', async () => {
      await using opened = await OperatorShop.open(await openHarness())
      const { shop, operations } = opened
      const relay = await shop.relay({ refusals: { ...AT_ONCE, onExhausted: 'dead' } })
      const [head, behind] = await refuse(opened, 'k')
      await opened.untilDead(1)
      await relay.stop()
      const { attempts, error } = await why(operations, head, 'dead')
      assert.equal(attempts, 1)
      assert.match(String(error), /made to be refused/)
      await why(operations, behind, 'delivered')
      await operations.requeue({ uuids: [head] }, BY)
      await why(operations, head, 'draining')
      shop.poison()
      await shop.relay()
      await untilDelivered(operations, head)
    })

    it('discarded: an operator gave it up, when it was dead or when it was held, and wrote why', async () => {
      await using opened = await OperatorShop.open(await openHarness())
      const { shop, operations } = opened
      const began = Date.now()
      const relay = await shop.relay({ refusals: AT_ONCE })
      const [dead] = await refuse(opened, null)
      await opened.untilDead(1)
      const [, held] = await refuse(opened, 'k')
      await opened.untilHeld(2)
      await relay.stop()
      await operations.discard({ uuids: [dead] }, BY)
      const gone = await operations.discardHeld([held], BY)
      assert.equal(gone.done, 1, JSON.stringify(gone))
      for (const uuid of [dead, held]) {
        const { at, ...rest } = await why(operations, uuid, 'discarded')
        assert.deepEqual({ actor: rest.actor, reason: rest.reason }, BY)
        assert.ok(at.getTime() >= began - 1_000 && at.getTime() <= Date.now() + 1_000)
      }
    })

    it('topic-parked: so many keys of its topic are refused that all of it waits', async () => {
      await using opened = await OperatorShop.open(await openHarness())
      const { shop, operations } = opened
      shop.broker.refuse(() => true)
      await shop.relay({ refusals: LATER })
      const last = uuidv7()
      const events = Array.from({ length: 110 }, (_, n) => `k${n}`)
      await shop.commitAll(...events.map((key) => ({ topic: TOPIC, key, payload: key })), {
        topic: TOPIC,
        key: 'last',
        uuid: last,
        payload: 'last',
      })
      await opened.untilHeld(111)
      const { block } = await why(operations, last, 'topic-parked')
      assert.deepEqual({ topic: block.topic, key: block.key }, { topic: TOPIC, key: null })
    })

    it('the state of its relay: none, at work, stalled, without a broker, dead, fenced, or waiting', async () => {
      const harness = await openHarness()
      await using opened = await OperatorShop.open(harness)
      const { shop, operations } = opened
      const [uuid, second] = [uuidv7(), uuidv7()]
      for (const one of [uuid, second])
        await shop.commitAll({ topic: TOPIC, key: 'k', uuid: one, payload: one })
      const sentence = async (): Promise<string> => (await operations.status()).sentence
      assert.equal((await why(operations, uuid, 'lane-unowned')).liveRelays, 0)
      assert.equal(await sentence(), 'unhealthy: no relay is running')

      await using session = await harness.store.openRelaySession()
      const id = randomUUID()
      await session.enroll({ id, fence: `fence-${id}`, protocol: 1, ttlMs: TTL_MS })
      assert.equal((await why(operations, uuid, 'lane-unowned')).liveRelays, 1)
      const tick = async (report: RelayReport): Promise<void> =>
        void (await session.tick(id, TTL_MS, ({ free }) => free, report))
      await tick({ brokerAwayMs: null, lastError: null, settledMs: null })
      assert.deepEqual((await why(operations, second, 'backlog')).before, {
        count: 1,
        capped: false,
      })
      assert.match(await sentence(), /^ok: events wait/)
      const { stalledMs } = await why(operations, uuid, 'owner-stalled', { stalledMs: 0 })
      assert.ok(stalledMs >= 0)
      await tick({ brokerAwayMs: 5_000, lastError: 'ECONNREFUSED', settledMs: null })
      const away = await why(operations, uuid, 'broker-away')
      assert.deepEqual(away.relay, { id, error: 'ECONNREFUSED' })
      assert.ok(away.awayMs >= 5_000)
      assert.match(await sentence(), /^unhealthy: the broker has been away for \S+ s: ECONNREFUSED/)

      await harness.expire(id)
      const { owner } = await why(operations, uuid, 'owner-expired')
      assert.ok(owner.id === id && owner.leaseMs < 0)
      await session.markFenced(id, { resigning: true })
      assert.equal((await why(operations, uuid, 'owner-fenced')).owner.id, id)
      assert.equal(await sentence(), 'unhealthy: no relay is running')

      const next = randomUUID()
      await session.reportWaiting(next, { waitingMs: 7_000, error: 'no broker answers' })
      const waiting = await why(operations, uuid, 'broker-away')
      assert.deepEqual(waiting.relay, { id: next, error: 'no broker answers' })
      assert.ok(waiting.awayMs >= 7_000)
      assert.match(
        await sentence(),
        /^unhealthy: the broker has been away for .*no broker answers$/,
      )
      await session.reportWaiting(next, null)
      await why(operations, uuid, 'owner-fenced')
    })
  })
}
