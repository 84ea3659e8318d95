import assert from 'node:assert/strict'
import { test } from 'node:test'
import { systemClock } from '../core/clock.ts'
import type { SettledBatch } from '../core/outbox-store.ts'
import { OutageLog } from './outage-log.ts'
import { Settler } from './settler.ts'

const quiet = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} }

/** A settler on a store that fails as often as `failures` says for a batch, and keeps what it was asked. */
function settlerOn(failures: Map<number, number>): {
  settler: Settler
  asked: number[]
  giveUp: AbortController
} {
  const asked: number[] = []
  const giveUp = new AbortController()
  const settle = async ({ number }: SettledBatch): Promise<boolean> => {
    asked.push(number)
    const left = failures.get(number) ?? 0
    failures.set(number, left - 1)
    if (left > 0) throw new Error('the database is away')
    return true
  }
  const settler = new Settler({
    session: { settle },
    outages: new OutageLog(quiet, systemClock),
    clock: systemClock,
    giveUp: giveUp.signal,
    onSettled: () => {},
  })
  return { settler, asked, giveUp }
}

const batch = (settler: Settler): SettledBatch => {
  const number = settler.nextNumber
  return { relayId: 'r', number, ids: [[BigInt(number), BigInt(number)]], acks: [] }
}

test('batches are settled in order, also when one has to be tried again', async () => {
  const { settler, asked } = settlerOn(new Map([[1, 2]]))
  const done = [
    settler.accept(batch(settler), async () => {}),
    settler.accept(batch(settler), async () => {}),
  ]
  await Promise.all(done)
  assert.deepEqual(asked, [1, 1, 1, 2])
})

test('a third batch is not appended before the first is settled', async () => {
  const { settler, asked } = settlerOn(new Map([[1, 1]]))
  void settler.accept(batch(settler), async () => {})
  await settler.ready()
  assert.deepEqual(asked, [])
  void settler.accept(batch(settler), async () => {})
  await settler.ready()
  assert.deepEqual(asked.slice(0, 2), [1, 1])
})

test('commits follow each other, and none follows one that failed', async () => {
  const { settler, asked } = settlerOn(new Map())
  const committed: number[] = []
  const first = settler.accept(batch(settler), async () => {
    committed.push(1)
  })
  const failed = settler.accept(batch(settler), () => Promise.reject(new Error('unknown')))
  const third = settler.accept(batch(settler), async () => {
    committed.push(3)
  })
  await first
  await assert.rejects(failed, /unknown/)
  await assert.rejects(third, /unknown/)
  await assert.rejects(settler.ready(), /unknown/)
  assert.deepEqual(committed, [1])
  assert.deepEqual(asked, [1])
})

test('a stop that has waited long enough gives a fact up', async () => {
  const { settler, giveUp } = settlerOn(new Map([[1, Number.POSITIVE_INFINITY]]))
  const settled = settler.accept(batch(settler), async () => {})
  giveUp.abort()
  await assert.rejects(settled, /away/)
  await settler.idle()
})

test('a batch of which nothing was written gives its number to the next', async () => {
  const { settler, asked } = settlerOn(new Map())
  assert.equal(settler.nextNumber, 1)
  await settler.accept(batch(settler), async () => {})
  // This one is refused: it is never accepted.
  assert.equal(settler.nextNumber, 2)
  await settler.accept(batch(settler), async () => {})
  assert.deepEqual(asked, [1, 2])
})
