import { PLAN_SAFE } from './0001-functions.ts'

/** What becomes of refused events. `s` is the quoted schema. */
export function refusals(s: string): string {
  return [columns(s), blockedBy(s), park(s), refuse(s), drain(s), unblock(s)].join('\n')
}

function columns(s: string): string {
  return `
-- Nobody has tried these again since they were refused.
UPDATE ${s}.blocked SET state = 'retrying', retry_at = clock_timestamp() WHERE key IS NOT NULL OR event_id IS NOT NULL;
ALTER TABLE ${s}.blocked ADD CONSTRAINT blocked_state CHECK (state IN ('retrying', 'blocked', 'draining'));
COMMENT ON COLUMN ${s}.blocked.retry_at IS 'When the relay that owns the lane looks at it: to try the head (retrying), or to begin to drain.';
CREATE INDEX blocked_due ON ${s}.blocked (retry_at) WHERE retry_at IS NOT NULL;

ALTER TABLE ${s}.held ADD redelivered int NOT NULL DEFAULT 0;
COMMENT ON COLUMN ${s}.held.redelivered IS 'How often an operator has had it delivered again.';
ALTER TABLE ${s}.dead DROP requeued_from, ADD redelivered int NOT NULL DEFAULT 0;`
}

function blockedBy(s: string): string {
  return `
-- The entry of a scope; a key has one, whatever its head. Only for who holds the row of the lane.
CREATE FUNCTION ${s}.blocked_by(in_lane smallint, of_topic text, of_key text, of_event bigint) RETURNS bigint LANGUAGE plpgsql
  ${PLAN_SAFE} AS $$
BEGIN
  -- An entry of a key is found by the key alone: the number in the index is of the key then.
  RETURN (SELECT b.id FROM ${s}.blocked b
    WHERE b.lane = in_lane AND b.topic = of_topic
      AND coalesce(hashtextextended(b.key, 0), b.event_id, 0) = coalesce(hashtextextended(of_key, 0), of_event, 0)
      AND b.key IS NOT DISTINCT FROM of_key AND (b.key IS NOT NULL OR b.event_id IS NOT DISTINCT FROM of_event)
    ORDER BY b.id LIMIT 1);
END $$;

-- Moves events under an entry: from what is to be delivered, or from another entry; the ids that it moved.
CREATE FUNCTION ${s}.hold(entry bigint, in_lane smallint, ids bigint[]) RETURNS SETOF bigint LANGUAGE plpgsql
  ${PLAN_SAFE} AS $$
BEGIN
  RETURN QUERY
    WITH moved AS (DELETE FROM ${s}.delivery d WHERE d.id = ANY (ids) AND d.lane = in_lane RETURNING d.id, d.lane, d.size)
    INSERT INTO ${s}.held AS h (blocked_id, id, lane, size) SELECT entry, m.id, m.lane, m.size FROM moved m RETURNING h.id;
  RETURN QUERY
    UPDATE ${s}.held h SET blocked_id = entry WHERE h.id = ANY (ids) AND h.lane = in_lane AND h.blocked_id <> entry RETURNING h.id;
END $$;`
}

function park(s: string): string {
  return `
CREATE OR REPLACE FUNCTION ${s}.park(relay uuid, parked jsonb) RETURNS SETOF bigint LANGUAGE plpgsql
  ${PLAN_SAFE} AS $$
DECLARE
  part record;
  entry bigint;
  is_topic boolean;
BEGIN
  FOR part IN SELECT p.topic, p.key, p.event_id, p.lane, left(p.error, 500) AS error, p.ids
    FROM jsonb_to_recordset(parked) p(topic text, key text, event_id bigint, lane smallint, error text, ids bigint[])
  LOOP
    -- Whoever holds the row keeps the lane, and one at a time adds to it or frees it.
    PERFORM FROM ${s}.lanes l WHERE l.lane = part.lane AND l.owner = relay FOR UPDATE;
    CONTINUE WHEN NOT FOUND;
    entry := ${s}.blocked_by(part.lane, part.topic, part.key, part.event_id);
    IF entry IS NULL THEN
      is_topic := part.key IS NULL AND part.event_id IS NULL;
      INSERT INTO ${s}.blocked (topic, key, event_id, lane, error, state, retry_at)
        VALUES (part.topic, part.key, part.event_id, part.lane, part.error,
          CASE WHEN is_topic THEN 'blocked' ELSE 'draining' END, CASE WHEN is_topic THEN NULL ELSE clock_timestamp() END)
        RETURNING id INTO entry;
    END IF;
    RETURN QUERY SELECT h.id FROM ${s}.hold(entry, part.lane, part.ids) h(id);
  END LOOP;
END $$;`
}

function refuse(s: string): string {
  return `
CREATE FUNCTION ${s}.refuse(relay uuid, refused jsonb) RETURNS SETOF bigint LANGUAGE plpgsql
  ${PLAN_SAFE} AS $$
DECLARE
  one record;
  entry bigint;
  next_state text;
  next_at timestamptz;
BEGIN
  FOR one IN SELECT r.topic, r.key, r.event_id, r.lane, left(r.error, 500) AS error, r.attempts, r.state, r.after_ms
    FROM jsonb_to_recordset(refused)
      r(topic text, key text, event_id bigint, lane smallint, error text, attempts int, state text, after_ms double precision)
  LOOP
    PERFORM FROM ${s}.lanes l WHERE l.lane = one.lane AND l.owner = relay FOR UPDATE;
    CONTINUE WHEN NOT FOUND;
    -- An event that is settled, dead or discarded is decided.
    CONTINUE WHEN NOT EXISTS (SELECT FROM ${s}.delivery d WHERE d.id = one.event_id AND d.lane = one.lane)
              AND NOT EXISTS (SELECT FROM ${s}.held h WHERE h.id = one.event_id AND h.lane = one.lane);
    next_state := CASE one.state WHEN 'dead' THEN 'draining' ELSE one.state END;
    next_at := CASE one.state WHEN 'dead' THEN clock_timestamp()
      WHEN 'retrying' THEN clock_timestamp() + one.after_ms * interval '1 millisecond' END;
    entry := ${s}.blocked_by(one.lane, one.topic, one.key, one.event_id);
    IF entry IS NULL THEN
      INSERT INTO ${s}.blocked (topic, key, event_id, lane, error, attempts, state, retry_at)
        VALUES (one.topic, one.key, one.event_id, one.lane, one.error, one.attempts, next_state, next_at) RETURNING id INTO entry;
    ELSE
      UPDATE ${s}.blocked b SET event_id = one.event_id, error = one.error, attempts = one.attempts,
        state = next_state, retry_at = next_at WHERE b.id = entry;
    END IF;
    PERFORM ${s}.hold(entry, one.lane, ARRAY[one.event_id]);
    IF one.state = 'dead' THEN
      WITH died AS (DELETE FROM ${s}.held h WHERE h.blocked_id = entry AND h.id = one.event_id RETURNING h.redelivered)
      INSERT INTO ${s}.dead (id, attempts, error, redelivered) SELECT one.event_id, one.attempts, one.error, d.redelivered FROM died d;
      -- Nothing waits behind an event without a key.
      DELETE FROM ${s}.blocked b WHERE b.id = entry AND b.key IS NULL;
    END IF;
    RETURN NEXT one.event_id;
  END LOOP;
END $$;`
}

function drain(s: string): string {
  return `
CREATE FUNCTION ${s}.drain(relay uuid, entries bigint[]) RETURNS SETOF bigint LANGUAGE plpgsql
  ${PLAN_SAFE} AS $$
BEGIN
  PERFORM FROM ${s}.lanes l WHERE l.owner = relay
    AND l.lane IN (SELECT b.lane FROM ${s}.blocked b WHERE b.id = ANY (entries)) ORDER BY l.lane FOR UPDATE;
  RETURN QUERY
    UPDATE ${s}.blocked b SET state = 'draining', retry_at = NULL
    WHERE b.id = ANY (entries) AND EXISTS (SELECT FROM ${s}.lanes l WHERE l.lane = b.lane AND l.owner = relay) RETURNING b.id;
END $$;`
}

function unblock(s: string): string {
  return `
DROP FUNCTION ${s}.unblock(uuid, bigint);
CREATE FUNCTION ${s}.unblock(relay uuid, entries bigint[]) RETURNS SETOF bigint LANGUAGE plpgsql
  ${PLAN_SAFE} AS $$
BEGIN
  PERFORM FROM ${s}.lanes l WHERE l.owner = relay
    AND l.lane IN (SELECT b.lane FROM ${s}.blocked b WHERE b.id = ANY (entries)) ORDER BY l.lane FOR UPDATE;
  DELETE FROM ${s}.blocked b WHERE b.id = ANY (entries)
    AND EXISTS (SELECT FROM ${s}.lanes l WHERE l.lane = b.lane AND l.owner = relay)
    AND NOT EXISTS (SELECT FROM ${s}.held h WHERE h.blocked_id = b.id);
  RETURN QUERY SELECT e.id FROM unnest(entries) e(id) WHERE NOT EXISTS (SELECT FROM ${s}.blocked b WHERE b.id = e.id);
END $$;`
}
