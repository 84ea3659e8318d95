/**
 * What relays execute, as functions that carry their own settings: it works behind a transaction
 * pooler, and no plan depends on statistics, which lag behind in a spike.
 */
export const PLAN_SAFE = `SET enable_seqscan = off SET enable_bitmapscan = off SET enable_hashjoin = off
  SET enable_mergejoin = off SET enable_sort = off SET jit = off SET search_path = pg_catalog`

/** The functions of the first version. `s` is the quoted schema. */
export function functions(s: string): string {
  return [settle(s), park(s), unblock(s), clean(s), horizon(s)].join('\n')
}

function settle(s: string): string {
  return `
CREATE FUNCTION ${s}.settle(relay uuid, batch bigint, settled_ids int8multirange, settled_acks jsonb) RETURNS boolean LANGUAGE plpgsql
  ${PLAN_SAFE} AS $$
BEGIN
  UPDATE ${s}.relays SET settled = batch WHERE id = relay AND settled < batch;
  IF NOT FOUND THEN RETURN false; END IF;
  DELETE FROM ${s}.delivery d USING unnest(settled_ids) r WHERE d.id >= lower(r) AND d.id < upper(r);
  DELETE FROM ${s}.held h USING unnest(settled_ids) r WHERE h.id >= lower(r) AND h.id < upper(r);
  INSERT INTO ${s}.receipts (ids, acks) VALUES (settled_ids, settled_acks);
  RETURN true;
END $$;`
}

function park(s: string): string {
  return `
CREATE FUNCTION ${s}.park(relay uuid, parked jsonb) RETURNS SETOF bigint LANGUAGE plpgsql
  ${PLAN_SAFE} AS $$
#variable_conflict use_column
DECLARE
  entry record;
  blocked_by bigint;
BEGIN
  FOR entry IN SELECT p.topic, p.key, p.event_id, p.lane, p.error, p.ids
    FROM jsonb_to_recordset(parked) p(topic text, key text, event_id bigint, lane smallint, error text, ids bigint[])
  LOOP
    -- Whoever holds the row keeps the lane, and one at a time adds to it or frees it.
    PERFORM FROM ${s}.lanes l WHERE l.lane = entry.lane AND l.owner = relay FOR UPDATE;
    CONTINUE WHEN NOT FOUND;
    SELECT b.id INTO blocked_by FROM ${s}.blocked b
      WHERE b.lane = entry.lane AND b.topic = entry.topic
        AND coalesce(hashtextextended(b.key, 0), b.event_id, 0) = coalesce(hashtextextended(entry.key, 0), entry.event_id, 0)
        AND b.key IS NOT DISTINCT FROM entry.key AND b.event_id IS NOT DISTINCT FROM entry.event_id;
    IF blocked_by IS NULL THEN
      INSERT INTO ${s}.blocked (topic, key, event_id, lane, error)
        VALUES (entry.topic, entry.key, entry.event_id, entry.lane, left(entry.error, 500)) RETURNING id INTO blocked_by;
    END IF;
    RETURN QUERY
      WITH moved AS (DELETE FROM ${s}.delivery d WHERE d.id = ANY (entry.ids) AND d.lane = entry.lane RETURNING d.id, d.lane, d.size)
      INSERT INTO ${s}.held (blocked_id, id, lane, size) SELECT blocked_by, m.id, m.lane, m.size FROM moved m RETURNING id;
    RETURN QUERY
      UPDATE ${s}.held h SET blocked_id = blocked_by
      WHERE h.id = ANY (entry.ids) AND h.lane = entry.lane AND h.blocked_id <> blocked_by RETURNING h.id;
  END LOOP;
END $$;`
}

function unblock(s: string): string {
  return `
CREATE FUNCTION ${s}.unblock(relay uuid, entry bigint) RETURNS boolean LANGUAGE plpgsql
  ${PLAN_SAFE} AS $$
DECLARE
  blocked_lane smallint;
BEGIN
  SELECT b.lane INTO blocked_lane FROM ${s}.blocked b WHERE b.id = entry;
  IF NOT FOUND THEN RETURN true; END IF;
  PERFORM FROM ${s}.lanes l WHERE l.lane = blocked_lane AND l.owner = relay FOR UPDATE;
  IF NOT FOUND THEN RETURN false; END IF;
  DELETE FROM ${s}.blocked b WHERE b.id = entry AND NOT EXISTS (SELECT FROM ${s}.held h WHERE h.blocked_id = entry);
  RETURN FOUND;
END $$;`
}

function clean(s: string): string {
  return `
CREATE FUNCTION ${s}.clean(who text, lease interval, retention interval, most int, OUT elected boolean, OUT deleted int, OUT more boolean)
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
    DELETE FROM ${s}.events e WHERE e.id = ANY (old)
      AND NOT EXISTS (SELECT FROM ${s}.delivery d WHERE d.id = e.id)
      AND NOT EXISTS (SELECT FROM ${s}.held h WHERE h.id = e.id)
      AND NOT EXISTS (SELECT FROM ${s}.dead x WHERE x.id = e.id);
    GET DIAGNOSTICS removed = ROW_COUNT;
    deleted := deleted + removed;
    left_over := left_over - cardinality(old);
    receipt.ids := receipt.ids - (SELECT range_agg(int8range(i, i, '[]')) FROM unnest(old) i);
    IF isempty(receipt.ids) THEN DELETE FROM ${s}.receipts r WHERE r.id = receipt.id;
    ELSE
      UPDATE ${s}.receipts r SET ids = receipt.ids WHERE r.id = receipt.id;
      more := true;
    END IF;
  END LOOP;
END $$;`
}

function horizon(s: string): string {
  const literal = s.replaceAll("'", "''")
  return `
-- First the sequence, then the holders: an id is assigned under the lock.
CREATE FUNCTION ${s}.horizon(OUT assigned bigint, OUT holders text[], OUT server text) LANGUAGE plpgsql SET search_path = pg_catalog AS $$
BEGIN
  assigned := coalesce(pg_sequence_last_value('${literal}.events_id_seq'::regclass), 0);
  SELECT coalesce(array_agg(DISTINCT CASE WHEN pid IS NULL THEN 'p' ELSE '' END || virtualtransaction), '{}') INTO holders
    FROM pg_locks WHERE locktype = 'relation' AND relation = '${literal}.events'::regclass
     AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
     AND mode IN ('RowExclusiveLock', 'ShareRowExclusiveLock', 'ExclusiveLock', 'AccessExclusiveLock');
  server := extract(epoch FROM pg_postmaster_start_time())::text;
END $$;`
}
