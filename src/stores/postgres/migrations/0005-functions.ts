import { PLAN_SAFE } from './0001-functions.ts'

/**
 * With the rights of the tables' owner: whoever may execute them can do nothing else, and nothing
 * without the audit. They give way to relays, which wait for longer before they call it a deadlock.
 */
export const DECIDING: string = `SECURITY DEFINER ${PLAN_SAFE}, pg_temp SET lock_timeout = '500ms'`

/** The bytes of an event as `enqueue` counts them. */
const SIZE = `coalesce(octet_length(e.payload), 0) + coalesce(octet_length(e.key), 0) + coalesce(octet_length(e.headers::text), 0)`

/** `s` is the quoted schema. */
export function requeue(s: string): string {
  return `
-- The rows of the lanes of events, in one order: whoever changes what is blocked on a lane holds its row.
CREATE FUNCTION ${s}.lock_lanes_of(ids bigint[]) RETURNS void LANGUAGE plpgsql ${PLAN_SAFE}, pg_temp AS $$
BEGIN
  PERFORM FROM ${s}.lanes l WHERE l.lane IN (
    SELECT ${s}.lane(e.key, e.id) FROM unnest(ids) u(id)
    CROSS JOIN LATERAL (SELECT events.id, events.key FROM ${s}.events WHERE events.id = u.id LIMIT 1) e) ORDER BY l.lane FOR UPDATE;
END $$;
REVOKE ALL ON FUNCTION ${s}.lock_lanes_of FROM PUBLIC;

CREATE FUNCTION ${s}.audited(what text, note jsonb, asked int, did int, ids bigint[], more jsonb) RETURNS bigint LANGUAGE plpgsql
  ${PLAN_SAFE}, pg_temp AS $$
DECLARE
  uuids jsonb := coalesce((SELECT jsonb_agg(e.uuid ORDER BY u.n) FROM unnest(ids) WITH ORDINALITY u(id, n)
    CROSS JOIN LATERAL (SELECT events.uuid FROM ${s}.events WHERE events.id = u.id LIMIT 1) e), '[]');
  entry bigint;
BEGIN
  INSERT INTO ${s}.audit (bulk, actor, action, filter, reason, matched, done, details)
    VALUES ((note ->> 'bulk')::uuid, note ->> 'actor', what, note -> 'filter', note ->> 'reason', asked, did,
      jsonb_build_object('uuids', uuids, 'user', session_user) || more) RETURNING id INTO entry;
  RETURN entry;
END $$;
REVOKE ALL ON FUNCTION ${s}.audited FROM PUBLIC;

CREATE FUNCTION ${s}.requeue(letters bigint[], up_to timestamptz, note jsonb, OUT requeued int, OUT waiting int) LANGUAGE plpgsql
  ${DECIDING} AS $$
DECLARE
  letter record;
  entry bigint;
  entry_state text;
  moved bigint[] := '{}';
BEGIN
  waiting := 0;
  PERFORM ${s}.lock_lanes_of(letters);
  FOR letter IN
    SELECT e.id, e.topic, e.key, ${s}.lane(e.key, e.id) AS lane, ${SIZE} AS size, d.error, d.redelivered
    FROM (SELECT DISTINCT u.id FROM unnest(letters) u(id)) u
    CROSS JOIN LATERAL (SELECT dead.error, dead.redelivered FROM ${s}.dead WHERE dead.id = u.id AND dead.at < up_to LIMIT 1) d
    CROSS JOIN LATERAL (SELECT events.id, events.topic, events.key, events.headers, events.payload FROM ${s}.events WHERE events.id = u.id LIMIT 1) e ORDER BY u.id
  LOOP
    DELETE FROM ${s}.dead x WHERE x.id = letter.id;
    CONTINUE WHEN NOT FOUND;
    entry := ${s}.blocked_by(letter.lane, letter.topic, letter.key, CASE WHEN letter.key IS NULL THEN letter.id END);
    IF entry IS NULL THEN
      INSERT INTO ${s}.blocked (topic, key, event_id, lane, error, state, retry_at)
        VALUES (letter.topic, letter.key, CASE WHEN letter.key IS NULL THEN letter.id END, letter.lane, coalesce(letter.error, ''),
          'draining', clock_timestamp()) RETURNING id INTO entry;
    ELSE
      SELECT b.state INTO entry_state FROM ${s}.blocked b WHERE b.id = entry;
      IF entry_state <> 'draining' THEN waiting := waiting + 1; END IF;
    END IF;
    INSERT INTO ${s}.held (blocked_id, id, lane, size, redelivered)
      VALUES (entry, letter.id, letter.lane, letter.size, letter.redelivered + 1);
    moved := moved || letter.id;
  END LOOP;
  requeued := cardinality(moved);
  PERFORM ${s}.audited('requeue', note, cardinality(letters), requeued, moved, jsonb_build_object('waiting', waiting));
END $$;
REVOKE ALL ON FUNCTION ${s}.requeue FROM PUBLIC;`
}

/** As before, and what was discarded is forgotten too. */
export function clean(s: string): string {
  return `
CREATE OR REPLACE FUNCTION ${s}.clean(who text, lease interval, retention interval, most int, OUT elected boolean, OUT deleted int, OUT more boolean)
  LANGUAGE plpgsql ${PLAN_SAFE} AS $$
DECLARE
  receipt record;
  old bigint[];
  left_over int := most;
  removed int;
BEGIN
  deleted := 0;
  more := false;
  PERFORM FROM ${s}.cleaner c WHERE c.holder IS NULL OR c.holder = who OR c.expires_at < clock_timestamp() FOR UPDATE SKIP LOCKED;
  elected := FOUND;
  IF NOT elected THEN RETURN; END IF;
  UPDATE ${s}.cleaner c SET holder = who, expires_at = clock_timestamp() + lease WHERE c.single;
  -- Receipts are numbered in the order of publishing.
  FOR receipt IN SELECT r.id, r.ids, r.published_at FROM ${s}.receipts r ORDER BY r.id LOOP
    EXIT WHEN receipt.published_at > clock_timestamp() - retention;
    IF left_over = 0 THEN more := true; EXIT; END IF;
    old := ARRAY (SELECT g.id FROM unnest(receipt.ids) m CROSS JOIN LATERAL generate_series(lower(m), upper(m) - 1) g(id) LIMIT left_over);
    removed := ${s}.forget(old);
    deleted := deleted + removed;
    left_over := left_over - cardinality(old);
    receipt.ids := receipt.ids - (SELECT range_agg(int8range(i, i, '[]')) FROM unnest(old) i);
    IF isempty(receipt.ids) THEN DELETE FROM ${s}.receipts r WHERE r.id = receipt.id;
    ELSE
      UPDATE ${s}.receipts r SET ids = receipt.ids WHERE r.id = receipt.id;
      more := true;
    END IF;
  END LOOP;
  old := ARRAY (SELECT z.id FROM ${s}.discarded z WHERE z.at <= clock_timestamp() - retention ORDER BY z.at, z.id LIMIT left_over + 1);
  more := more OR cardinality(old) > left_over;
  old := old[1:left_over];
  removed := ${s}.forget(old);
  deleted := deleted + removed;
  DELETE FROM ${s}.discarded z WHERE z.id = ANY (old);
END $$;

CREATE FUNCTION ${s}.forget(ids bigint[]) RETURNS int LANGUAGE plpgsql ${PLAN_SAFE} AS $$
DECLARE
  removed int;
BEGIN
  DELETE FROM ${s}.events e WHERE e.id = ANY (ids)
    AND NOT EXISTS (SELECT FROM ${s}.delivery d WHERE d.id = e.id)
    AND NOT EXISTS (SELECT FROM ${s}.held h WHERE h.id = e.id)
    AND NOT EXISTS (SELECT FROM ${s}.dead x WHERE x.id = e.id);
  GET DIAGNOSTICS removed = ROW_COUNT;
  RETURN removed;
END $$;`
}
