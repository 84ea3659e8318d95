import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import type { TestContext } from 'node:test'
import { setTimeout as wait } from 'node:timers/promises'
import { eventually } from '../chaos/eventually.ts'
import { appUser, grant, revoke, startKafka, startPostgres } from '../servers/index.ts'
import type { KafkaServer, Server } from '../servers/index.ts'
import { Campaign } from './campaign.ts'
import { violations } from './judge.ts'

/** `ONCOMMIT_FAULT_SCALE=4` makes the outages as long as an operator's bad day. */
const SCALE = Number(process.env['ONCOMMIT_FAULT_SCALE'] ?? 1)
const AWAY_MS = 15_000 * SCALE
const FROZEN_MS = 20_000
const REVOKED_MS = 15_000 * SCALE
const guarantees = ['exactly-once', 'at-least-once'] as const

type Campaigns = readonly Campaign[]

/** One campaign for each guarantee, with the load on, and the relays at work. */
async function begin(
  stack: AsyncDisposableStack,
  options: Omit<Parameters<typeof Campaign.begin>[0], 'guarantee'>,
  relays: number,
): Promise<Campaigns> {
  const campaigns: Campaign[] = []
  for (const guarantee of guarantees) {
    const campaign = stack.use(await Campaign.begin({ ...options, guarantee }))
    for (let n = 0; n < relays; n++) campaign.startRelay()
    campaigns.push(campaign)
  }
  return campaigns
}

function count(campaign: Campaign): number {
  return campaign.relays.reduce((total, relay) => total + relay.report.published, 0)
}

/** Resolves when each campaign has published so many more events. */
async function published(campaigns: Campaigns, more: number): Promise<void> {
  const counts = campaigns.map(count)
  await eventually(`${more} events more are published`, () =>
    campaigns.every((campaign, at) => count(campaign) >= (counts[at] ?? 0) + more)
      ? true
      : undefined,
  )
}

/** Nothing lost, nothing dead or blocked, order kept; and nothing twice, without a relay's death. */
async function hold(campaigns: Campaigns, context: TestContext): Promise<void> {
  await published(campaigns, 100)
  for (const campaign of campaigns) {
    const verdict = await campaign.judge()
    context.diagnostic(`${campaign.job.guarantee} ${JSON.stringify(verdict)}`)
    assert.equal(
      violations(verdict, 0),
      0,
      `${campaign.job.guarantee}\n${campaign.relays.map((relay) => relay.log).join('\n')}`,
    )
    const [left] = await campaign.query(
      'SELECT (SELECT count(*) FROM oncommit.dead)::int AS dead, (SELECT count(*) FROM oncommit.blocked)::int AS blocked, (SELECT count(*) FROM oncommit.held)::int AS held',
    )
    assert.deepEqual(left, { dead: 0, blocked: 0, held: 0 })
  }
}

describe('under load, for both guarantees, with nothing lost, dead, repeated or out of order', () => {
  let postgres: Server
  let kafka: KafkaServer
  before(async () => {
    postgres = await startPostgres()
    kafka = await startKafka()
  })
  after(async () => {
    await postgres[Symbol.asyncDispose]()
    await kafka[Symbol.asyncDispose]()
  })

  test('PostgreSQL is killed and restarted, and restarted cleanly', async (context) => {
    await using stack = new AsyncDisposableStack()
    // One relay: whoever has the broker's acknowledgement lives to settle it.
    const campaigns = await begin(stack, { postgres, kafka }, 1)
    for (let round = 0; round < 3; round++) {
      await published(campaigns, 200)
      await (round === 1 ? postgres.stop() : postgres.kill())
      await postgres.restart()
    }
    await hold(campaigns, context)
  })

  test('PostgreSQL is frozen while batches are being settled', async (context) => {
    await using stack = new AsyncDisposableStack()
    const campaigns = await begin(stack, { postgres, kafka }, 1)
    for (let round = 0; round < 3; round++) {
      await published(campaigns, 200)
      await postgres.freeze()
      await wait(3000)
      await postgres.thaw()
    }
    await hold(campaigns, context)
  })

  test('Kafka is restarted', async (context) => {
    await using stack = new AsyncDisposableStack()
    const campaigns = await begin(stack, { postgres, kafka }, 2)
    await published(campaigns, 300)
    await kafka.restart()
    await hold(campaigns, context)
  })

  test('Kafka is away', async (context) => {
    await using stack = new AsyncDisposableStack()
    const campaigns = await begin(stack, { postgres, kafka }, 2)
    await published(campaigns, 300)
    await kafka.kill()
    await wait(AWAY_MS)
    await kafka.restart()
    await hold(campaigns, context)
  })

  test('Kafka is frozen for 20 s', async (context) => {
    await using stack = new AsyncDisposableStack()
    const campaigns = await begin(stack, { postgres, kafka }, 2)
    await published(campaigns, 300)
    await kafka.freeze()
    await wait(FROZEN_MS)
    await kafka.thaw()
    await hold(campaigns, context)
  })
})

test("a topic's rights are revoked under load: its events wait, and go on by themselves", async (context) => {
  await using stack = new AsyncDisposableStack()
  const postgres = stack.use(await startPostgres())
  const kafka = stack.use(await startKafka({ authorizer: true }))
  await grant(kafka, {
    resource: 'transactional_id',
    name: 'oncommit.',
    pattern: 'prefixed',
    operations: ['WRITE', 'DESCRIBE'],
  })
  await grant(kafka, {
    resource: 'topic',
    name: '__oncommit_markers',
    operations: ['CREATE', 'READ', 'WRITE', 'DESCRIBE'],
  })
  await grant(kafka, {
    resource: 'topic',
    name: 'chaos_',
    pattern: 'prefixed',
    operations: ['DESCRIBE'],
  })
  const campaigns = await begin(stack, { postgres, kafka, user: appUser }, 2)
  const rights = campaigns.map(({ topic }) => {
    return { resource: 'topic', name: topic, operations: ['WRITE'] } as const
  })
  for (const right of rights) await grant(kafka, right)
  await published(campaigns, 300)
  for (const right of rights) await revoke(kafka, right)
  for (const campaign of campaigns) {
    await eventually('events wait under their topic', async () => {
      const [row] = await campaign.query('SELECT count(*)::int AS held FROM oncommit.held')
      return Number(row?.['held']) > 100 ? true : undefined
    })
  }
  await wait(REVOKED_MS)
  for (const right of rights) await grant(kafka, right)
  await hold(campaigns, context)
})
