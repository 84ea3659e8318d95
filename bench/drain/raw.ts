import { Producer, compatibilityPartitioner } from '@platformatic/kafka'
import { Client } from 'pg'
import { TOPIC } from './backlog.ts'
import type { Job } from './job.ts'

const PAGE = 1000

interface Row {
  readonly id: string
  readonly uuid: string
  readonly key: string
  readonly msg_type: string
  readonly mime_type: string
  readonly payload: Buffer
  readonly occurred_at: Date
}

/** Seconds to read the table and send it, with nothing remembered: what no relay can beat. */
export async function drainRaw(job: Job): Promise<number> {
  const client = new Client({ connectionString: job.databaseUrl })
  await client.connect()
  const producer = new Producer({
    clientId: 'raw',
    bootstrapBrokers: [job.broker],
    idempotent: true,
    acks: -1,
    partitioner: compatibilityPartitioner,
  })
  const began = performance.now()
  let next = page(client, '0')
  for (;;) {
    const rows = await next
    const last = rows.at(-1)
    if (last === undefined) break
    next = page(client, last.id)
    await producer.send({ acks: -1, messages: rows.map(toMessage) })
  }
  const seconds = (performance.now() - began) / 1000
  await producer.close()
  await client.end()
  return seconds
}

async function page(client: Client, after: string): Promise<readonly Row[]> {
  const { rows } = await client.query<Row>({
    name: 'page',
    text: `SELECT id, uuid, key, msg_type, mime_type, payload, occurred_at
           FROM oncommit.events WHERE id > $1 ORDER BY id LIMIT ${PAGE}`,
    values: [after],
  })
  return rows
}

const [ID, TYPE, TIME] = [Buffer.from('ce_id'), Buffer.from('ce_type'), Buffer.from('ce_time')]
const CONTENT_TYPE = Buffer.from('content-type')
const FIXED = [
  [Buffer.from('ce_specversion'), Buffer.from('1.0')],
  [Buffer.from('ce_source'), Buffer.from('oncommit')],
] as const

/** The same bytes that the relay sends. */
function toMessage(row: Row): {
  topic: string
  key: Buffer
  value: Buffer
  headers: Map<Buffer, Buffer>
} {
  return {
    topic: TOPIC,
    key: Buffer.from(row.key),
    value: row.payload,
    headers: new Map([
      ...FIXED,
      [ID, Buffer.from(row.uuid)],
      [TYPE, Buffer.from(row.msg_type)],
      [TIME, Buffer.from(row.occurred_at.toISOString())],
      [CONTENT_TYPE, Buffer.from(row.mime_type)],
    ]),
  }
}
