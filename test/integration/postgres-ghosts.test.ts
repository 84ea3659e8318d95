import assert from 'node:assert/strict'
import { describe, it } from 'node:test'

import { Pool } from 'pg'

import { local } from '../../src/brokers/local/index.ts'
import { EventBus } from '../../src/bus/event-bus.ts'
import type { Broker } from '../../src/core/broker.ts'
import { postgres } from '../../src/stores/postgres/index.ts'
import { withMethods } from '../chaos/proof/with-methods.ts'
import { eventually, MemoryLogger } from '../relay/outbox-fixture.ts'
import { startPostgres } from '../servers/index.ts'

/** Nothing is flushed but by a commit that waits for it. */
const LAZY = { wal_writer_delay: '10s', wal_writer_flush_after: '1GB', wal_buffers: '16MB' }

describe('an event of a writer that does not wait for its commit to be flushed', () => {
  it('is not published before it is sure to outlive a crash of the server', async () => {
    await using server = await startPostgres({ settings: LAZY })
    const url = `postgres://postgres@${server.address}/postgres`
    const published = Promise.withResolvers<void>()
    const broker = afterFirstBatch(local({ partitions: 1 }), async () => {
      await server.kill()
      published.resolve()
    })
    {
      const pool = new Pool({ connectionString: url })
      pool.on('error', () => {})
      await using bus = new EventBus({
        store: postgres({ url }),
        broker,
        logger: new MemoryLogger(),
      })
      await bus.migrate()
      const client = await pool.connect()
      client.on('error', () => {})
      await client.query('CREATE TABLE orders (id int)')
      const relay = await bus.startRelay({ ttlMs: 300_000, stopTimeoutMs: 0, pollIntervalMs: 20 })
      await eventually(
        'the relay has its lanes',
        () => relay.status.lanes.length === 64 || undefined,
      )
      // Not through the bus, which would announce it, by a commit that flushes.
      await client.query(`SET synchronous_commit = off; BEGIN; INSERT INTO orders VALUES (1);
        INSERT INTO oncommit.events (topic, key, payload) VALUES ('orders', 'k', 'placed'); COMMIT`)
      await published.promise
      client.release(true)
      await pool.end()
    }
    await server.restart()
    const after = new Pool({ connectionString: url })
    const { rows } = await after.query<{ id: number }>('SELECT id FROM orders')
    await after.end()
    assert.deepEqual(rows, [{ id: 1 }], 'what was published was committed')
  })
})

/** In the moment in which a batch is visible, before anything else happens. */
function afterFirstBatch(broker: Broker, act: () => Promise<void>): Broker {
  return withMethods(broker, {
    async openPublisher(options) {
      const publisher = await broker.openPublisher(options)
      return withMethods(publisher, {
        async append(batch, beforeSend) {
          const result = await publisher.append(batch, beforeSend)
          if (result.state === 'refused') return result
          return withMethods(result, {
            async commit() {
              await result.commit()
              await act()
            },
          })
        },
      })
    },
  })
}
