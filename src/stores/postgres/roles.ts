import { quoteIdent, quoteLiteral } from './sql-text.ts'

/** Names of the roles that `rolesSql` makes. */
export interface RoleNames {
  /** Sends events. @defaultValue `<schema>_writer` */
  readonly writer?: string
  /** Publishes them. @defaultValue `<schema>_relay` */
  readonly relay?: string
  /** Forgets what was published. A process whose relay cleans has both. @defaultValue `<schema>_cleaner` */
  readonly cleaner?: string
  /** Handles events with an inbox, and cleans it. @defaultValue `<schema>_consumer` */
  readonly consumer?: string
  /** Looks at everything, and decides about dead letters and blocked keys, which is audited. @defaultValue `<schema>_operator` */
  readonly operator?: string
}

/**
 * SQL that makes roles without login, each with the least rights for its part, to be granted to
 * your own users. Run it after the migrations, as the owner of the tables; it may be repeated.
 *
 * @example
 * console.log(rolesSql('oncommit')) // then: GRANT oncommit_writer TO shop
 */
export function rolesSql(schema: string, names: RoleNames = {}): string {
  const s = quoteIdent('schema', schema)
  const role = (part: keyof RoleNames): string => names[part] ?? `${schema}_${part}`
  const quoted = (part: keyof RoleNames): string => quoteIdent(part, role(part))
  const parts = ['writer', 'relay', 'cleaner', 'consumer', 'operator'] as const
  return [
    ...parts.map((part) => createRole(role(part), quoted(part))),
    `REVOKE ALL ON ALL FUNCTIONS IN SCHEMA ${s} FROM PUBLIC;`,
    `GRANT USAGE ON SCHEMA ${s} TO ${parts.map(quoted).join(', ')};`,
    `GRANT SELECT ON ${s}.migrations TO ${parts.map(quoted).join(', ')};`,
    `GRANT SELECT ON SEQUENCE ${s}.events_id_seq TO ${parts.map(quoted).join(', ')};`,
    ...writerGrants(s, quoted('writer')),
    ...relayGrants(s, quoted('relay')),
    ...cleanerGrants(s, quoted('cleaner')),
    // UPDATE is what FOR UPDATE asks for.
    `GRANT SELECT, INSERT, UPDATE, DELETE ON ${s}.inbox TO ${quoted('consumer')};`,
    ...operatorGrants(s, quoted('operator')),
    '',
  ].join('\n')
}

function createRole(name: string, quoted: string): string {
  return `DO $do$ BEGIN
  IF NOT EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = ${quoteLiteral(name)}) THEN CREATE ROLE ${quoted} NOLOGIN; END IF;
END $do$;`
}

function writerGrants(s: string, role: string): string[] {
  return [
    `GRANT INSERT, SELECT (id, uuid) ON ${s}.events TO ${role};`,
    `GRANT INSERT ON ${s}.delivery TO ${role};`,
    `GRANT EXECUTE ON FUNCTION ${s}.lane(text, bigint) TO ${role};`,
    // Only there before PostgreSQL 18.
    `DO $do$ BEGIN
  IF to_regprocedure(${quoteLiteral(`${s}.uuidv7()`)}) IS NOT NULL THEN GRANT EXECUTE ON FUNCTION ${s}.uuidv7() TO ${role}; END IF;
END $do$;`,
  ]
}

function relayGrants(s: string, role: string): string[] {
  return [
    `GRANT SELECT ON ${s}.events TO ${role};`,
    `GRANT SELECT, INSERT, DELETE ON ${s}.delivery TO ${role};`,
    `GRANT SELECT, INSERT ON ${s}.receipts TO ${role};`,
    `GRANT SELECT, INSERT, UPDATE, DELETE ON ${s}.relays, ${s}.waiting_relays, ${s}.lanes, ${s}.blocked, ${s}.held, ${s}.dead TO ${role};`,
    `GRANT EXECUTE ON FUNCTION ${s}.horizon(), ${s}.settle(uuid, bigint, int8multirange, jsonb), ${s}.park(uuid, jsonb) TO ${role};`,
    `GRANT EXECUTE ON FUNCTION ${s}.refuse(uuid, jsonb), ${s}.drain(uuid, bigint[]), ${s}.unblock(uuid, bigint[]), ${s}.hold(bigint, smallint, bigint[]), ${s}.blocked_by(smallint, text, text, bigint) TO ${role};`,
  ]
}

function cleanerGrants(s: string, role: string): string[] {
  return [
    `GRANT SELECT, DELETE ON ${s}.events TO ${role};`,
    `GRANT SELECT, UPDATE, DELETE ON ${s}.receipts TO ${role};`,
    `GRANT SELECT, UPDATE ON ${s}.cleaner TO ${role};`,
    `GRANT SELECT ON ${s}.delivery, ${s}.held, ${s}.dead, ${s}.blocked TO ${role};`,
    `GRANT SELECT, DELETE ON ${s}.discarded TO ${role};`,
    `GRANT EXECUTE ON FUNCTION ${s}.clean(text, interval, interval, int), ${s}.forget(bigint[]) TO ${role};`,
  ]
}

/** No right to write: the functions do it, with those of the owner, and write the audit. */
function operatorGrants(s: string, role: string): string[] {
  return [
    `GRANT SELECT ON ALL TABLES IN SCHEMA ${s} TO ${role};`,
    `GRANT EXECUTE ON FUNCTION ${s}.lane(text, bigint) TO ${role};`,
    `GRANT EXECUTE ON FUNCTION ${s}.requeue(bigint[], timestamptz, jsonb), ${s}.discard_dead(bigint[], timestamptz, jsonb) TO ${role};`,
    `GRANT EXECUTE ON FUNCTION ${s}.discard_held(bigint[], jsonb), ${s}.release(bigint[], jsonb) TO ${role};`,
  ]
}
