import { DECIDING } from './0005-functions.ts'

/** `s` is the quoted schema, here and below. */
export function discard(s: string): string {
  return `
CREATE FUNCTION ${s}.discard_dead(letters bigint[], up_to timestamptz, note jsonb, OUT discarded int) LANGUAGE plpgsql
  ${DECIDING} AS $$
DECLARE
  gone bigint[];
  entry bigint;
BEGIN
  PERFORM ${s}.lock_lanes_of(letters);
  WITH deleted AS (DELETE FROM ${s}.dead x WHERE x.id = ANY (letters) AND x.at < up_to RETURNING x.id)
  SELECT coalesce(array_agg(d.id), '{}') INTO gone FROM deleted d;
  discarded := cardinality(gone);
  entry := ${s}.audited('discard', note, cardinality(letters), discarded, gone, '{"was": "dead"}');
  INSERT INTO ${s}.discarded AS z (id, audit) SELECT g.id, entry FROM unnest(gone) g(id)
    ON CONFLICT (id) DO UPDATE SET at = clock_timestamp(), audit = entry;
END $$;
REVOKE ALL ON FUNCTION ${s}.discard_dead FROM PUBLIC;

CREATE FUNCTION ${s}.discard_held(events bigint[], note jsonb, OUT discarded int) LANGUAGE plpgsql
  ${DECIDING} AS $$
DECLARE
  one record;
  gone bigint[] := '{}';
  heads bigint[] := '{}';
  entry bigint;
BEGIN
  PERFORM ${s}.lock_lanes_of(events);
  FOR one IN
    SELECT u.id, b.id AS entry,
      coalesce(b.event_id, (SELECT f.id FROM ${s}.held f WHERE f.blocked_id = b.id ORDER BY f.blocked_id, f.id LIMIT 1)) = u.id AS is_head
    FROM (SELECT DISTINCT v.id FROM unnest(events) v(id)) u
    CROSS JOIN LATERAL (SELECT held.blocked_id FROM ${s}.held WHERE held.id = u.id LIMIT 1) h
    CROSS JOIN LATERAL (SELECT blocked.id, blocked.event_id FROM ${s}.blocked WHERE blocked.id = h.blocked_id LIMIT 1) b ORDER BY u.id
  LOOP
    DELETE FROM ${s}.held h WHERE h.id = one.id AND h.blocked_id = one.entry;
    CONTINUE WHEN NOT FOUND;
    gone := gone || one.id;
    IF one.is_head THEN heads := heads || one.entry; END IF;
  END LOOP;
  -- What was refused is gone: what waits behind it may go on. A topic waits for the broker.
  UPDATE ${s}.blocked b SET state = 'draining', retry_at = clock_timestamp(), attempts = 0,
      event_id = CASE WHEN b.key IS NULL THEN b.event_id END
    WHERE b.id = ANY (heads) AND b.state <> 'draining' AND (b.key IS NOT NULL OR b.event_id IS NOT NULL);
  discarded := cardinality(gone);
  entry := ${s}.audited('discard', note, cardinality(events), discarded, gone, '{"was": "held"}');
  INSERT INTO ${s}.discarded AS z (id, audit) SELECT g.id, entry FROM unnest(gone) g(id)
    ON CONFLICT (id) DO UPDATE SET at = clock_timestamp(), audit = entry;
END $$;
REVOKE ALL ON FUNCTION ${s}.discard_held FROM PUBLIC;`
}

export function release(s: string): string {
  return `
CREATE FUNCTION ${s}.release(entries bigint[], note jsonb, OUT released int) LANGUAGE plpgsql
  ${DECIDING} AS $$
DECLARE
  freed record;
BEGIN
  PERFORM FROM ${s}.lanes l WHERE l.lane IN (SELECT b.lane FROM ${s}.blocked b WHERE b.id = ANY (entries)) ORDER BY l.lane FOR UPDATE;
  WITH changed AS (
    UPDATE ${s}.blocked b SET state = 'draining', retry_at = clock_timestamp(), attempts = 0
    WHERE b.id = ANY (entries) AND b.state IN ('blocked', 'retrying') AND (b.key IS NOT NULL OR b.event_id IS NOT NULL)
    RETURNING b.topic, b.key, b.event_id)
  SELECT count(*) AS count, coalesce(array_agg(c.event_id) FILTER (WHERE c.event_id IS NOT NULL), '{}') AS heads,
    coalesce(jsonb_agg(jsonb_build_array(c.topic, c.key)), '[]') AS keys INTO freed FROM changed c;
  released := freed.count;
  PERFORM ${s}.audited('release', note, cardinality(entries), released, freed.heads, jsonb_build_object('keys', freed.keys));
END $$;
REVOKE ALL ON FUNCTION ${s}.release FROM PUBLIC;`
}
