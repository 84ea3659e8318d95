import assert from 'node:assert/strict'
import type { OperatorFilter } from '../../core/outbox-operations.ts'
import type { ContractCase } from '../contract-case.ts'
import type { StoreHarness } from '../outbox-store-contract/harness.ts'
import { idsOf, noteOf, Operator } from './operator.ts'

/** What looking at dead letters and blocked keys promises, and the audit. */
export const lookingCases: readonly ContractCase<StoreHarness>[] = [
  {
    title: 'a dead letter is shown as it was sent, with when and why it died',
    run: async (harness) => {
      await using operator = await Operator.open(harness)
      const { operations } = operator
      const before = await operations.now()
      const headers = [
        ['h', 'ä'],
        ['h', Buffer.from([0xff])],
      ] as const
      const payload = Buffer.from([0, 1, 0xff])
      const [sent] = await operator.dead({ key: 'ключ', headers, payload, error: 'zu groß: 1' })
      assert.ok(sent !== undefined)
      const [letter, ...more] = await operator.letters()
      assert.ok(letter !== undefined && more.length === 0)
      const { storedAt, diedAt, ...rest } = letter
      assert.deepEqual(rest, {
        id: sent.id,
        uuid: sent.uuid,
        topic: sent.topic,
        key: 'ключ',
        msgType: sent.msgType,
        bytes: 3,
        attempts: 3,
        error: 'zu groß: 1',
        redelivered: 0,
      })
      assert.ok(before <= storedAt && storedAt <= diedAt && diedAt <= (await operations.now()))
      const contents = await operations.contents(sent.id)
      assert.deepEqual(contents?.payload, payload)
      assert.equal(contents?.mimeType, sent.mimeType)
      assert.deepEqual(JSON.parse(contents?.headers ?? ''), [
        ['h', 'ä'],
        ['h', { b64: '/w==' }],
      ])
      assert.equal(await operations.contents(999_999n), null)
    },
  },
  {
    title: 'filters leave what meets all of their conditions',
    run: async (harness) => {
      await using operator = await Operator.open(harness)
      const early = await operator.dead(
        { topic: 'a', key: 'k', error: '100% [of] schema_id 41 is not *?found\\' },
        { topic: 'a', key: 'K', error: 'schema id 7' },
        { topic: 'b', key: null, error: 'it\'s "Schema id 7"' },
      )
      const middle = await operator.tick()
      const late = await operator.dead({ topic: 'b', key: 'k', error: '' })
      const [one, two, three, four] = [...early, ...late].map(({ uuid }) => uuid)
      const cases: readonly [OperatorFilter, readonly (string | undefined)[]][] = [
        [{}, [one, two, three, four]],
        [{ topic: 'a' }, [one, two]],
        [{ key: 'k' }, [one, four]],
        [{ key: 'k', topic: 'b' }, [four]],
        [{ uuids: [two ?? '', four ?? '', '00000000-0000-7000-8000-000000000000'] }, [two, four]],
        [{ error: 'schema id *' }, [two]],
        [{ error: 'schema id' }, []],
        [{ error: '*' }, [one, two, three, four]],
        [{ error: '' }, [four]],
        [{ error: '100% [of] schema_id * is not *?found\\' }, [one]],
        [{ error: '100% [of] schemaXid *' }, []],
        [{ error: "it's *" }, [three]],
        [{ from: middle }, [four]],
        [{ to: middle }, [one, two, three]],
        [{ from: new Date(0), to: new Date('9999-12-31T00:00:00Z') }, [one, two, three, four]],
      ]
      for (const [filter, expected] of cases) {
        const found = await operator.letters(filter)
        assert.deepEqual(
          found.map(({ uuid }) => uuid),
          expected,
          JSON.stringify(filter),
        )
      }
    },
  },
  {
    title: 'pages go on where the last one ended, until there are no more',
    run: async (harness) => {
      await using operator = await Operator.open(harness)
      const { operations } = operator
      const events = await operator.dead(
        ...Array.from({ length: 7 }, (_, n) => ({ key: n % 2 === 0 ? 'even' : 'odd' })),
      )
      const upTo = await operations.now()
      const first = await operations.deadLetters({ filter: {}, upTo, after: 0n, limit: 3 })
      assert.deepEqual(idsOf(first.items), idsOf(events.slice(0, 3)))
      assert.deepEqual(idsOf(await operator.letters({}, 3)), idsOf(events))
      const even = events.filter(({ key }) => key === 'even')
      assert.deepEqual(idsOf(await operator.letters({ key: 'even' }, 1)), idsOf(even))
      for (const n of [1, 2, 3]) await operator.blocked(`b${n}`, 1, { state: 'blocked' })
      const keys = await operator.blockedKeys({}, 1)
      assert.deepEqual(
        keys.map(({ key }) => key),
        ['b1', 'b2', 'b3'],
      )
    },
  },
  {
    title: 'what is blocked is shown with its head, what it holds, and when it is tried again',
    run: async (harness) => {
      await using operator = await Operator.open(harness)
      const { operations } = operator
      const before = await operations.now()
      const events = await operator.blocked('k', 3, { state: 'retrying', afterMs: 60_000 })
      const keyless = await operator.sent({ key: null, topic: 'other' })
      for (const event of keyless) await operator.refused(event, { state: 'blocked' }, 'too large')
      const [one, two, ...more] = await operator.blockedKeys()
      assert.ok(one !== undefined && two !== undefined && more.length === 0)
      assert.deepEqual([one.key, one.state, one.attempts, one.held], ['k', 'retrying', 3, 3])
      assert.deepEqual(one.head, { id: events[0]?.id, uuid: events[0]?.uuid })
      assert.ok(one.since >= before)
      assert.ok((one.retryAt?.getTime() ?? 0) >= before.getTime() + 60_000)
      assert.deepEqual(
        [two.key, two.isTopic, two.state, two.retryAt],
        [null, false, 'blocked', null],
      )
      assert.deepEqual((await operator.blockedKeys({ error: '* large' })).length, 1)
      assert.deepEqual((await operator.blockedKeys({ uuids: [events[0]?.uuid ?? ''] })).length, 1)
      assert.deepEqual((await operator.blockedKeys({ uuids: [events[1]?.uuid ?? ''] })).length, 0)
      const held = await operations.held(one.id, 2)
      assert.deepEqual(
        held.map(({ uuid }) => uuid),
        events.slice(0, 2).map(({ uuid }) => uuid),
      )
    },
  },
  {
    title: 'published events of keys are found, and those alone',
    run: async (harness) => {
      await using operator = await Operator.open(harness)
      const { operations, relay } = operator
      const before = await operator.sent({ key: 'k' })
      await relay.settle(idsOf(before))
      const letters = await operator.dead({ key: 'k' }, { key: 'k2' })
      const published = await operator.sent({ key: 'k' }, { key: 'other' }, { key: 'k' })
      await relay.settle(idsOf(published))
      await operator.sent({ key: 'k' })
      const [topic, after] = [letters[0]?.topic ?? '', letters[0]?.id ?? 0n]
      const keys = [
        { topic, key: 'k' },
        { topic, key: 'k2' },
      ]
      const page = await operations.published({ keys, after, limit: 10 })
      assert.deepEqual(page, {
        items: [published[0], published[2]].map((one) => ({
          id: one?.id,
          uuid: one?.uuid,
          topic,
          key: 'k',
        })),
        next: null,
      })
      const none = await operations.published({
        keys: [{ topic: 'x', key: 'k' }],
        after,
        limit: 10,
      })
      assert.deepEqual(none.items, [])
    },
  },
  {
    title: 'each action is in the audit: who, why, for what, and what came of it',
    run: async (harness) => {
      await using operator = await Operator.open(harness)
      const { operations } = operator
      const before = await operations.now()
      const [one, two] = await operator.dead({}, {})
      const [held] = await operator.blocked('b', 2, { state: 'blocked' })
      assert.ok(one !== undefined && two !== undefined && held !== undefined)
      const upTo = await operations.now()
      const note = noteOf({ reason: '\0it\'s "\\u0000" \uD800', filter: { key: 'k', n: 1 } })
      await operations.requeue({ ids: [one.id, 999_999n], upTo, note })
      await operations.discardDead({ ids: [two.id], upTo, note: noteOf() })
      const [entry] = await operator.blockedKeys({ key: 'b' })
      await operations.release({ ids: [entry?.id ?? 0n], note: noteOf() })
      await operations.discardHeld({ ids: [held.id], note: noteOf() })
      const audit = await operations.audit({ limit: 10 })
      assert.deepEqual(
        audit.map(({ action, matched, done }) => [action, matched, done]),
        [
          ['discard', 1, 1],
          ['release', 1, 1],
          ['discard', 1, 1],
          ['requeue', 2, 1],
        ],
      )
      assert.deepEqual(
        audit.map(({ details }) => (details as { uuids: unknown }).uuids),
        [[held.uuid], [held.uuid], [two.uuid], [one.uuid]],
      )
      const first = audit[3]
      assert.deepEqual([first?.bulk, first?.actor, first?.filter], [note.bulk, 'ada', note.filter])
      assert.match(first?.reason ?? '', /^it's "\\u0000" .?$/)
      assert.ok(audit.every(({ at }) => at >= before))
      assert.equal((await operations.audit({ limit: 1 })).length, 1)
      const about = await operations.audit({ uuids: [one.uuid], limit: 10 })
      assert.deepEqual(idsOf(about), idsOf(audit.slice(3)))
    },
  },
]
