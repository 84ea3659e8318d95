import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { DatabaseSync } from 'node:sqlite'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'

import { local, type LocalBroker } from '../../src/brokers/local/index.ts'
import { type EventInput, EventBus } from '../../src/index.ts'
import { sqlite } from '../../src/stores/sqlite/index.ts'
import { eventually, MemoryLogger } from '../relay/outbox-fixture.ts'
import { blocksOf, onSources, snippetsOf } from './documents.ts'

/** Events of the page: one that is refused, and one behind it. */
const [BLOCKED, BEHIND] = [
  '0198f2c1-7a3b-7c11-9d0e-5b1c6f2e8a44',
  '0198f2c1-7a3b-7c11-9d0e-5b1c6f2e8a45',
]
const PAGE = 'docs/operations.md'
const root = join(import.meta.dirname, '../..')
const program = join(root, 'src/cli/main.ts')

/** A command of the page, and what it is said to print. */
interface Command {
  readonly line: string
  readonly output: string
}

function commandsOf(block: string): Command[] {
  return block
    .split(/^\$ /m)
    .slice(1)
    .map((part) => {
      const [line = '', ...output] = part.trimEnd().split('\n')
      return { line, output: output.join('\n') }
    })
}

/** Without what is different each time: times, ages, sizes and the ids of relays and actions. */
function alike(text: string): string {
  return text
    .replaceAll(/\d{4}-\d\d-\d\dT[\d:.]+Z|(\d{4}-\d\d-\d\d )?\d\d:\d\d:\d\dZ/g, 'TIME')
    .replaceAll(/\d+ min \d+ s|\d+(\.\d)? s\b/g, 'AGE')
    .replaceAll(/[\d.]+ [KM]iB/g, 'SIZE')
    .replaceAll(/(?!0198f2c1)[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}/g, 'UUID')
    .replaceAll(/ {2,}/g, '  ')
    .trim()
}

describe('what docs/operations.md says', () => {
  const folder = mkdtempSync(join(import.meta.dirname, '.operations-'))
  const file = join(folder, 'shop.db')
  const blocks = blocksOf(PAGE, 'console').map(commandsOf)
  let broker: LocalBroker
  let bus: EventBus

  before(async () => {
    broker = local({ file: join(folder, 'log.db') })
    bus = new EventBus({ store: sqlite({ file }), broker, logger: new MemoryLogger() })
    await bus.migrate()
    broker.refuse(({ value }) => String(value) === 'poison')
  })
  after(async () => {
    await bus.close()
    await broker.close()
    rmSync(folder, { recursive: true, force: true })
  })

  async function send(...events: EventInput[]): Promise<void> {
    const db = new DatabaseSync(file)
    db.exec('BEGIN IMMEDIATE')
    await bus.send(db, events)
    db.exec('COMMIT')
    db.close()
  }

  function run({ line }: Command): { text: string; code: number | null } {
    const args = line.replaceAll(/#.*/g, '').trim().split(' ').slice(1)
    const env = { ...process.env, DATABASE_URL: `sqlite:${file}` }
    const ran = spawnSync(process.execPath, [program, ...args], { encoding: 'utf8', env })
    assert.equal(ran.stderr, '')
    return { text: ran.stdout, code: ran.status }
  }

  /** A relay works beside the commands, so that what they say may take a moment. */
  async function prints(block: number): Promise<void> {
    for (const command of blocks[block] ?? []) {
      let last = ''
      await eventually(command.line, () => {
        last = run(command).text
        return alike(last) === alike(command.output) ? true : undefined
      }).catch(() => assert.equal(alike(last), alike(command.output), last))
    }
  }

  it('is executed here, each part of it', () => {
    assert.equal(blocks.length, 5)
  })

  it('is what is printed where no relay runs', async () => {
    await send(
      { topic: 'orders', key: 'c-16', msgType: 'OrderPlaced', payload: 'fine' },
      { topic: 'orders', key: 'c-17', uuid: BLOCKED, msgType: 'OrderPlaced', payload: 'poison' },
      { topic: 'orders', key: 'c-17', uuid: BEHIND, msgType: 'OrderPaid', payload: 'fine' },
      { topic: 'invoices', key: 'c-17', msgType: 'InvoiceSent', payload: 'poison' },
    )
    await prints(1)
  })

  it('is what is printed of blocked and dead events', async () => {
    const topics = { invoices: { onExhausted: 'dead' } } as const
    await bus.startRelay({ pollIntervalMs: 10, refusals: { maxAttempts: 1, topics } })
    await prints(0)
    await prints(2)
    await prints(3)
  })

  it('is what is printed when the cause is mended', async () => {
    broker.refuse(null)
    await prints(4)
  })

  for (const { title, code, output } of snippetsOf(PAGE)) {
    it(`is what the program under "${title}" prints`, async () => {
      const path = join(folder, 'program.ts')
      writeFileSync(path, onSources(code))
      const options = { encoding: 'utf8', timeout: 60_000, cwd: folder } as const
      const ran = spawnSync(process.execPath, [path], options)
      assert.equal(alike(ran.stdout), alike(output), ran.stderr)
      assert.equal(ran.status, 0, ran.stderr)
    })
  }
})
