// npm run chaos: load and faults on real servers, judged by what each client saw. Exit code 0 only
// without violations.
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { oneOf } from '../../src/core/options.ts'
import { writeReport } from './report/write-report.ts'
import { givenGround, ownGround } from './run/ground.ts'
import { runChaos } from './run/run.ts'

const HELP = `npm run chaos -- [--minutes N] [--seed S] [--guarantee exactly-once|at-least-once]
  [--report DIR] [--database URL --kafka host:port,…]

Without --database and --kafka it starts servers of its own and harms them, too. With them only its
own producers, relays and consumers are killed and frozen. It makes a schema and topics of its own,
chaos_…, and drops the schema where it has found nothing; the topics stay.`

const { values } = parseArgs({
  options: {
    minutes: { type: 'string', default: '5' },
    seed: { type: 'string', default: String(Date.now() % 1_000_000) },
    guarantee: { type: 'string', default: 'exactly-once' },
    report: { type: 'string' },
    database: { type: 'string' },
    kafka: { type: 'string' },
    help: { type: 'boolean', default: false },
  },
})
if (values.help) console.log(HELP)
else await main()

async function main(): Promise<void> {
  const { database, kafka } = values
  if ((database === undefined) !== (kafka === undefined))
    throw new Error('--database and --kafka go together')
  const seed = numberOf('--seed', values.seed, 0)
  const minutes = numberOf('--minutes', values.minutes, 0.1)
  const guarantee = oneOf('--guarantee', values.guarantee, ['exactly-once', 'at-least-once'])
  const given = database === undefined ? '' : ` --database … --kafka ${kafka}`
  const command = `npm run chaos -- --minutes ${minutes} --seed ${seed} --guarantee ${guarantee}${given}`
  console.log(command)
  await using ground =
    database === undefined || kafka === undefined
      ? await ownGround()
      : givenGround(database, kafka.split(','))
  if (database !== undefined)
    console.log('on the servers that were given only the clients of this run are harmed')
  for (const { what, why } of ground.leftOut) console.log(`left out: ${what}, since ${why}`)
  const interrupted = new AbortController()
  process.once('SIGINT', () => interrupted.abort())
  const { signal } = interrupted
  const record = await runChaos({
    ground,
    seed,
    minutes,
    guarantee,
    command,
    signal,
    log: console.log,
  })
  for (const { promise, text } of record.findings) console.log(`seed ${seed}, ${promise}: ${text}`)
  console.log(JSON.stringify(record.counts))
  const name = `${record.startedAt.replaceAll(/[-:]|\..*$/g, '')}-${seed}`
  const { html } = await writeReport(record, values.report ?? join('chaos-report', name))
  console.log(`report: ${html}`)
  const { findings, faults, events } = record
  console.log(`violations ${findings.length} · faults ${faults.length} · events ${events}`)
  process.exitCode = findings.length === 0 ? 0 : 1
}

function numberOf(option: string, text: string, least: number): number {
  const number = Number(text)
  if (text.trim() !== '' && number >= least) return number
  throw new Error(`${option} is ${text}: it takes a number from ${least}`)
}
