import { UnsafeStoreError } from '../../core/errors.ts'
import type { Queryable } from './database.ts'
import { readVersion, requireVersion } from './schema-version.ts'
import { quoteLiteral } from './sql-text.ts'

/** Throws where the tables of a quoted schema, or the server, can't keep the promises. Only reads. */
export async function check(database: Queryable, schema: string): Promise<void> {
  await requirePrimary(database)
  requireVersion(await readVersion(database, schema), schema)
  await requireSafeSequence(database, schema)
}

async function requirePrimary(database: Queryable): Promise<void> {
  const {
    rows: [row],
  } = await database.query('SELECT pg_is_in_recovery()')
  if (row?.[0] === 't')
    throw new UnsafeStoreError(
      'this server is a read replica, where nothing can be stored or settled: connect to the primary',
    )
}

async function requireSafeSequence(database: Queryable, schema: string): Promise<void> {
  // The highest id is read in the statement's snapshot, the sequence as it is at that moment or later.
  const events = quoteLiteral(`${schema}.events`)
  const {
    rows: [row],
  } = await database.query(`
    SELECT s.seqcache, a.attidentity, coalesce(m.id, 0), coalesce(pg_sequence_last_value(s.seqrelid), 0)
    FROM pg_catalog.pg_attribute a, (SELECT max(id) AS id FROM ${schema}.events) m, pg_catalog.pg_sequence s
    WHERE a.attrelid = ${events}::regclass AND a.attname = 'id' AND s.seqrelid = pg_get_serial_sequence(${events}, 'id')::regclass`)
  const [cache, identity, highest, last] = row ?? []
  const table = `${schema}.events`
  if (cache !== '1')
    throw new UnsafeStoreError(
      `the sequence of ${table}.id has CACHE ${cache}, so that ids would not follow the order of sending: ALTER TABLE ${table} ALTER id SET CACHE 1`,
    )
  if (identity !== 'a')
    throw new UnsafeStoreError(
      `${table}.id takes given ids, which relays would pass by: ALTER TABLE ${table} ALTER id SET GENERATED ALWAYS`,
    )
  if (BigInt(last ?? 0) < BigInt(highest ?? 0))
    throw new UnsafeStoreError(
      `the sequence of ${table}.id stands at ${last} and there is an id ${highest}, as after a restore: SELECT setval(pg_get_serial_sequence('${table.replaceAll("'", "''")}', 'id'), (SELECT max(id) FROM ${table}))`,
    )
}
