import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { setImmediate as nextTurn } from 'node:timers/promises'

import { EventBus } from '../../src/index.ts'
import type { AuditRecord, BulkOptions, BulkResult, EventInput } from '../../src/index.ts'
import type { Operations } from '../../src/operations/operations.ts'
import type { StoreHarness } from '../../src/testing/outbox-store-contract.ts'
import { listed, OperatorShop } from '../relay/operator-shop.ts'
import { TOPIC } from '../relay/refusal-shop.ts'
import { PostgresHarnesses } from '../store-contract/postgres-harness.ts'
import { openSqlite } from '../store-contract/sqlite-harness.ts'

const LETTERS = 2_000
const KEYS = 40
/** Each on one partition: behind all of them nothing is left to read. */
const LAST = Array.from({ length: 32 }, (_, n) => `last ${n}`)

let harnesses: PostgresHarnesses

before(async () => {
  harnesses = await PostgresHarnesses.open('operations_proof')
})
after(async () => harnesses[Symbol.asyncDispose]())

const stores: Readonly<Record<string, () => Promise<StoreHarness>>> = {
  PostgreSQL: async () => harnesses.byPg(),
  SQLite: openSqlite,
}

for (const [store, openHarness] of Object.entries(stores)) {
  describe(`two operators, relays and writers at once, on ${store}`, () => {
    it('requeue 1,000 dead letters and discard 1,000: all add up, nothing is published twice', async () => {
      const harness = await openHarness()
      await using opened = await OperatorShop.open(harness)
      const { shop, operations } = opened
      await shop.commitAll(...Array.from({ length: LETTERS }, (_, n) => letter(n)))
      await opened.refuseAll((n) => `${n % 2 === 0 ? 'no schema' : 'too large:'} ${n}`)
      const uuids = new Map<string, 'requeue' | 'discard'>()
      for (const { uuid, error } of await listed(operations.deadLetters()))
        uuids.set(uuid, error.startsWith('no schema') ? 'requeue' : 'discard')
      assert.equal(uuids.size, LETTERS)

      for (let relays = 0; relays < 3; relays++) await shop.relay()
      const stop = new AbortController()
      const writing = write(opened, stop.signal)
      const bus = new EventBus({ store: harness.other })
      const results = await Promise.all([
        ...decide(operations, 'ada', 37),
        ...decide(bus.operations, 'bob', 91),
      ])
      stop.abort()
      const written = await writing

      assert.equal(doneOf(results.filter((_, n) => n % 2 === 0)), LETTERS / 2, 'requeued')
      assert.equal(doneOf(results.filter((_, n) => n % 2 === 1)), LETTERS / 2, 'discarded')
      await shop.untilNothingWaits()
      assert.equal((await shop.backlog()).dead, 0)
      await auditIsComplete(operations, uuids, results)
      await assertPublished(opened, written)
      const delivered = await opened.delivered()
      for (const [uuid, action] of uuids)
        assert.equal(delivered.get(uuid), action === 'requeue', `${uuid}: ${action}`)
      await bus.close()
    })
  })
}

function doneOf(results: readonly BulkResult[]): number {
  return results.reduce((total, { done }) => total + done, 0)
}

function letter(n: number): EventInput {
  return { topic: TOPIC, key: n % 10 === 0 ? null : `k${n % KEYS}`, payload: `letter ${n}` }
}

/** All that an operator decides, in small chunks; the other one decides the same. */
function decide(operations: Operations, actor: string, chunk: number): Promise<BulkResult>[] {
  const options: BulkOptions = { actor, reason: 'the proof', chunk }
  return [
    operations.requeue({ error: 'no schema *' }, options),
    operations.discard({ error: 'too large: *', topic: TOPIC }, options),
  ]
}

/** New events of the same keys all the while; gives how many. */
async function write({ shop }: OperatorShop, stop: AbortSignal): Promise<number> {
  let written = 0
  while (!stop.aborted) {
    const event = (n: number): EventInput => ({
      topic: TOPIC,
      key: `k${n % KEYS}`,
      payload: `new ${n}`,
    })
    await shop.commitAll(...Array.from({ length: 5 }, (_, n) => event(written + n)))
    written += 5
    await nextTurn()
  }
  return written
}

/** Each letter is told of once, with what was decided; each action's counts are what it gave back. */
async function auditIsComplete(
  operations: Operations,
  uuids: ReadonlyMap<string, 'requeue' | 'discard'>,
  results: readonly BulkResult[],
): Promise<void> {
  const audit = await operations.audit(1_000)
  const told = audit.flatMap(({ action, details }) =>
    (details as { uuids: string[] }).uuids.map((uuid) => [uuid, action] as const),
  )
  assert.equal(told.length, uuids.size)
  assert.deepEqual(new Map(told), uuids)
  for (const { bulk, matched, done } of results) {
    const entries = audit.filter((entry) => entry.bulk === bulk)
    const total = (of: (entry: AuditRecord) => number): number =>
      entries.reduce((sum, entry) => sum + of(entry), 0)
    assert.deepEqual([total((one) => one.matched), total((one) => one.done)], [matched, done])
    assert.ok(entries.every(({ actor, reason }) => /ada|bob/.test(actor) && reason === 'the proof'))
  }
}

/** Every requeued letter and every new event once, the new ones of a key in order. */
async function assertPublished(opened: OperatorShop, written: number): Promise<void> {
  await opened.shop.commitAll(...LAST.map((key) => ({ topic: TOPIC, key, payload: key })))
  const published = await opened.readUntil(LAST)
  const expected = [
    ...Array.from({ length: LETTERS / 2 }, (_, n) => `letter ${n * 2}`),
    ...Array.from({ length: written }, (_, n) => `new ${n}`),
    ...LAST,
  ]
  const texts = published.map(({ text }) => text)
  assert.deepEqual(texts.toSorted(), expected.toSorted())
  for (const { text, again } of published)
    assert.equal(again, text.startsWith('letter') ? '1' : undefined)
  for (const [, events] of Map.groupBy(published, ({ key }) => key)) {
    const numbersOf = (kind: string): number[] =>
      events.flatMap(({ text }) => (text.startsWith(kind) ? [Number(text.split(' ')[1])] : []))
    const fresh = numbersOf('new')
    assert.deepEqual(
      fresh,
      fresh.toSorted((a, b) => a - b),
    )
  }
}
