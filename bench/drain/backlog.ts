import { Client } from 'pg'
import { postgres } from '../../src/stores/postgres/index.ts'

export const TOPIC = 'drain'
const KEYS = 1000

/** Writes the events: 1 KiB each, over 1,000 keys; the payload begins with its number. */
export async function fillEvents(url: string, events: number): Promise<void> {
  const store = postgres({ url })
  await store.migrate()
  await store.close()
  await withClient(url, async (client) => {
    await client.query(
      `INSERT INTO oncommit.events (topic, key, msg_type, mime_type, payload, enqueued)
       SELECT $2::text, 'key-' || (n % ${KEYS}), 'Drained', 'application/octet-stream',
              convert_to(lpad(n::text, 12, '0') || repeat('x', 1012), 'UTF8'), true
       FROM generate_series(1, $1::int) n`,
      [events, TOPIC],
    )
    await client.query('VACUUM ANALYZE oncommit.events')
  })
}

/** Makes all of them pending again. Only while no relay runs. */
export async function refillDelivery(url: string): Promise<void> {
  await withClient(url, async (client) => {
    await client.query('TRUNCATE oncommit.delivery, oncommit.receipts')
    await client.query(
      'INSERT INTO oncommit.delivery (id, lane, size) SELECT id, oncommit.lane(key, id), 1040 FROM oncommit.events',
    )
    await client.query('VACUUM ANALYZE oncommit.delivery')
  })
}

async function withClient(url: string, work: (client: Client) => Promise<void>): Promise<void> {
  const client = new Client({ connectionString: url })
  await client.connect()
  try {
    await work(client)
  } finally {
    await client.end()
  }
}
