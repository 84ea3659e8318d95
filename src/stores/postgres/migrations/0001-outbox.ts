import { LANES } from '../lanes.ts'
import { functions } from './0001-functions.ts'

/** The tables and functions of the first version. `s` is the quoted schema. */
export function outbox(s: string): string {
  return [ledger(s), pending(s), membership(s), trouble(s), functions(s)].join('\n')
}

function ledger(s: string): string {
  return `
CREATE TABLE ${s}.events (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  uuid uuid NOT NULL,
  topic text NOT NULL CHECK (octet_length(topic) BETWEEN 1 AND 249),
  key text,
  msg_type text NOT NULL DEFAULT '',
  mime_type text NOT NULL DEFAULT 'application/octet-stream',
  headers jsonb,
  payload bytea,
  occurred_at timestamptz NOT NULL DEFAULT clock_timestamp()
    CHECK (occurred_at >= timestamptz '0001-01-01 00:00:00+00' AND occurred_at < timestamptz '10000-01-01 00:00:00+00'),
  stored_timestamp timestamptz NOT NULL DEFAULT clock_timestamp(),
  enqueued boolean NOT NULL DEFAULT false
);
COMMENT ON TABLE ${s}.events IS 'Every event. Insert only; enqueued = true only from a statement that writes delivery itself.';

-- uuidv7() came with PostgreSQL 18.
DO $do$
BEGIN
  IF to_regprocedure('pg_catalog.uuidv7()') IS NULL THEN
    CREATE FUNCTION ${s}.uuidv7() RETURNS uuid LANGUAGE sql VOLATILE AS $fn$
      SELECT encode(set_bit(set_bit(overlay(uuid_send(gen_random_uuid())
        PLACING substring(int8send(floor(extract(epoch FROM clock_timestamp()) * 1000)::bigint) FROM 3) FROM 1 FOR 6), 52, 1), 53, 1), 'hex')::uuid
    $fn$;
    ALTER TABLE ${s}.events ALTER uuid SET DEFAULT ${s}.uuidv7();
  ELSE
    ALTER TABLE ${s}.events ALTER uuid SET DEFAULT pg_catalog.uuidv7();
  END IF;
END $do$;

CREATE FUNCTION ${s}.lane(key text, id bigint) RETURNS smallint LANGUAGE sql IMMUTABLE PARALLEL SAFE AS
  $$ SELECT (CASE WHEN key IS NULL THEN id ELSE hashtextextended(key, 0) END & ${LANES - 1})::smallint $$;
COMMENT ON FUNCTION ${s}.lane IS 'The only place where lanes are computed: two hashes would put one key into two lanes.';`
}

function pending(s: string): string {
  return `
CREATE TABLE ${s}.delivery (id bigint PRIMARY KEY, lane smallint NOT NULL, size int NOT NULL)
  WITH (fillfactor = 100, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 5000, autovacuum_vacuum_cost_delay = 0);

CREATE FUNCTION ${s}.enqueue() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog AS $$
BEGIN
  INSERT INTO ${s}.delivery (id, lane, size) VALUES (NEW.id, ${s}.lane(NEW.key, NEW.id),
    coalesce(octet_length(NEW.payload), 0) + coalesce(octet_length(NEW.key), 0) + coalesce(octet_length(NEW.headers::text), 0));
  RETURN NULL;
END $$;
CREATE TRIGGER enqueue AFTER INSERT ON ${s}.events FOR EACH ROW WHEN (NOT NEW.enqueued) EXECUTE FUNCTION ${s}.enqueue();

CREATE TABLE ${s}.receipts (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  ids int8multirange NOT NULL,
  published_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  acks jsonb NOT NULL
);
CREATE INDEX receipts_ids ON ${s}.receipts USING gist (ids);`
}

function membership(s: string): string {
  return `
CREATE TABLE ${s}.relays (
  id uuid PRIMARY KEY, fence text NOT NULL UNIQUE, expires_at timestamptz NOT NULL, fenced_at timestamptz,
  protocol int NOT NULL, settled bigint NOT NULL DEFAULT 0
);
CREATE TABLE ${s}.lanes (lane smallint PRIMARY KEY, owner uuid, epoch bigint NOT NULL DEFAULT 0);
INSERT INTO ${s}.lanes (lane) SELECT generate_series(0, ${LANES - 1});

CREATE TABLE ${s}.cleaner (single boolean PRIMARY KEY DEFAULT true CHECK (single), holder text, expires_at timestamptz NOT NULL DEFAULT '-infinity');
INSERT INTO ${s}.cleaner DEFAULT VALUES;`
}

function trouble(s: string): string {
  return `
CREATE TABLE ${s}.blocked (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  topic text NOT NULL, key text, event_id bigint, lane smallint NOT NULL,
  attempts int NOT NULL DEFAULT 0, retry_at timestamptz, state text NOT NULL DEFAULT 'blocked',
  error text NOT NULL, since timestamptz NOT NULL DEFAULT clock_timestamp()
);
-- Keys may be longer than an index takes.
CREATE INDEX blocked_scope ON ${s}.blocked (lane, topic, (coalesce(hashtextextended(key, 0), event_id, 0)));

CREATE TABLE ${s}.held (blocked_id bigint, id bigint, lane smallint NOT NULL, size int NOT NULL, PRIMARY KEY (blocked_id, id));
CREATE INDEX held_id ON ${s}.held (id);

CREATE TABLE ${s}.dead (
  id bigint PRIMARY KEY, attempts int NOT NULL, error text, at timestamptz NOT NULL DEFAULT clock_timestamp(), requeued_from bigint
);

CREATE VIEW ${s}.outbox AS
SELECT e.topic, d.id IS NULL AND h.id IS NULL AND x.id IS NULL AS delivered, e.uuid, e.stored_timestamp,
  r.published_at AS send_timestamp, e.msg_type, e.mime_type, e.payload
FROM ${s}.events e LEFT JOIN ${s}.delivery d USING (id) LEFT JOIN ${s}.dead x USING (id)
LEFT JOIN LATERAL (SELECT id FROM ${s}.held WHERE held.id = e.id LIMIT 1) h ON true
LEFT JOIN LATERAL (SELECT published_at FROM ${s}.receipts WHERE ids @> e.id ORDER BY receipts.id DESC LIMIT 1) r ON true;`
}
