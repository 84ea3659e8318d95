import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { test } from 'node:test'

import { why } from '../../src/cli/commands/why.ts'
import { OptionError } from '../../src/core/errors.ts'
import { uuidv7 } from '../../src/core/uuid.ts'
import { EventBus } from '../../src/index.ts'
import { SessionFixture, TTL_MS } from './sqlite/session-fixture.ts'

const program = join(import.meta.dirname, '../../src/cli/main.ts')

/** What `oncommit why` exits with, and says. */
async function ask(url: string, uuid: string): Promise<{ code: number; text: string }> {
  const lines: string[] = []
  const terminal = {
    environment: {},
    result: (text: string) => void lines.push(text),
    note: () => {},
  }
  return { code: await why(uuid, { url }, terminal), text: lines.join('\n') }
}

async function says(url: string, uuid: string, text: RegExp): Promise<void> {
  const asked = await ask(url, uuid)
  assert.equal(asked.code, 1)
  assert.match(asked.text, text)
}

test('why says the verdict, the event, what it waits for, and the next step', async () => {
  await using fixture = await SessionFixture.open()
  const url = `sqlite:${fixture.file}`
  fixture.insert(4)
  const uuids = fixture
    .rows('select uuid from oncommit_events order by id')
    .map((row) => String(row['uuid']))
  const [first = '', second = '', third = '', fourth = ''] = uuids
  await says(
    url,
    first,
    /^NOT DELIVERED {2}its lane 0 has no owner\n\n {2}\S+ {2}t {2}key "k" {2}10 B {2}stored .*\n {2}0 relays live\n\n {2}→ start a relay: oncommit relay$/,
  )

  const id = await fixture.takeAll()
  await says(url, third, /^NOT DELIVERED {2}yet: on its way\n[^]*2 events of its lane come first/)
  await fixture.session.settle({ relayId: id, number: 1, ids: [[1n, 1n]], acks: [['t', 0, '7']] })
  const delivered = await ask(url, first)
  assert.equal(delivered.code, 0)
  assert.match(
    delivered.text,
    /^DELIVERED {2}t-0@7 {2}\d\d:\d\d:\d\dZ\n[^]*→ oncommit tail t --from 20/,
  )

  const scope = { topic: 't', key: 'k', eventId: 2n, lane: 0 }
  const refused = { scope, error: 'too large', attempts: 3 }
  await fixture.session.refuse(id, [{ ...refused, next: { state: 'retrying', afterMs: 60_000 } }])
  await says(
    url,
    second,
    /^NOT DELIVERED {2}refused, and tried again by itself, since .*\n[^]*attempt 3, next at .*\n {2}too large\n/,
  )
  await fixture.session.refuse(id, [{ ...refused, next: { state: 'blocked' } }])
  await fixture.session.park(id, [{ scope: { ...scope, eventId: null }, error: '', ids: [3n, 4n] }])
  await says(
    url,
    second,
    new RegExp(`blocked: refused[^]*→ .*: oncommit blocked release ${second}`),
  )
  await says(url, third, new RegExp(`earlier event of its key[^]*→ oncommit why ${second}$`))

  const bus = new EventBus({ store: fixture.store })
  const by = { actor: 'ada', reason: 'INC-1' }
  await bus.operations.discardHeld([fourth], by)
  await says(url, fourth, /^NOT DELIVERED {2}discarded, since .*\n[^]*\n {2}by ada: INC-1\n/)
  await bus.operations.release({ key: 'k' }, by)
  await says(url, second, /its key was freed, what was held goes first/)
  await fixture.session.refuse(id, [{ ...refused, next: { state: 'dead' } }])
  await says(
    url,
    second,
    /^NOT DELIVERED {2}dead, since [^]*after 3 attempts: too large\n[^]*requeue/,
  )
})

test('why says what a relay reports of the broker, and that it is fenced', async () => {
  await using fixture = await SessionFixture.open()
  const url = `sqlite:${fixture.file}`
  fixture.insert(1)
  const [row] = fixture.rows('select uuid from oncommit_events')
  const uuid = String(row?.['uuid'])
  const id = await fixture.takeAll()
  const report = { brokerAwayMs: 65_000, lastError: 'ECONNREFUSED', settledMs: null }
  await fixture.session.tick(id, TTL_MS, () => [], report)
  await says(
    url,
    uuid,
    new RegExp(`the broker has been away for 1 min \\d s\n[^]*relay ${id}: ECONNREFUSED\n`),
  )
  await fixture.session.markFenced(id, { resigning: true })
  await says(url, uuid, /the owner of its lane 0 is dead\n[^]*, fenced; .*\n[^]*→ start a relay/)
})

test('why exits with a code for scripts, and prints JSON', async () => {
  await using fixture = await SessionFixture.open()
  const url = `sqlite:${fixture.file}`
  fixture.insert(1)
  const [row] = fixture.rows('select uuid from oncommit_events')
  const uuid = String(row?.['uuid'])
  const run = (at: string, asked: string): { code: number | null; verdict: string | undefined } => {
    const args = [program, 'why', asked, '--url', at, '--json']
    const ran = spawnSync(process.execPath, args, { encoding: 'utf8', timeout: 60_000 })
    const said = ran.stdout === '' ? {} : (JSON.parse(ran.stdout) as { verdict?: string })
    return { code: ran.status, verdict: said.verdict }
  }
  assert.deepEqual(run(url, uuid), { code: 1, verdict: 'lane-unowned' })
  assert.deepEqual(run(url, uuidv7()), { code: 5, verdict: 'not-found' })
  assert.deepEqual(run('postgres://127.0.0.1:1/none', uuid), { code: 3, verdict: undefined })
  assert.deepEqual(run(`sqlite:${fixture.folder}/new.db`, uuid), { code: 6, verdict: undefined })
  await assert.rejects(ask(url, 'nonsense'), OptionError)
  const id = await fixture.takeAll()
  await fixture.session.settle({ relayId: id, number: 1, ids: [[1n, 1n]], acks: [['t', 0, '7']] })
  assert.deepEqual(run(url, uuid), { code: 0, verdict: 'delivered' })
})
