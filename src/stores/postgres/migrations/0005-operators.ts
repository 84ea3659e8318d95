import { clean, requeue } from './0005-functions.ts'
import { discard, release } from './0005-decisions.ts'

/** What operators decide, and who did. `s` is the quoted schema. */
export function operators(s: string): string {
  return [tables(s), view(s), requeue(s), discard(s), release(s), clean(s)].join('\n')
}

function tables(s: string): string {
  return `
CREATE TABLE ${s}.audit (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  bulk uuid NOT NULL, at timestamptz NOT NULL DEFAULT clock_timestamp(),
  actor text NOT NULL, action text NOT NULL CHECK (action IN ('requeue', 'discard', 'release')),
  filter jsonb NOT NULL, reason text NOT NULL, matched int NOT NULL, done int NOT NULL, details jsonb NOT NULL
);
COMMENT ON TABLE ${s}.audit IS 'What operators did: a row for each transaction that did something, those of one action share bulk. Never changed.';

CREATE TABLE ${s}.discarded (id bigint PRIMARY KEY, at timestamptz NOT NULL DEFAULT clock_timestamp(), audit bigint NOT NULL);
COMMENT ON TABLE ${s}.discarded IS 'Events that an operator gave up.';
CREATE INDEX discarded_at ON ${s}.discarded (at, id);`
}

/** What was discarded is not delivered, unless it was on its way. */
function view(s: string): string {
  return `
CREATE OR REPLACE VIEW ${s}.outbox AS
SELECT e.topic, d.id IS NULL AND h.id IS NULL AND x.id IS NULL AND (z.id IS NULL OR r.published_at IS NOT NULL) AS delivered,
  e.uuid, e.stored_timestamp, r.published_at AS send_timestamp, e.msg_type, e.mime_type, e.payload
FROM ${s}.events e LEFT JOIN ${s}.delivery d USING (id) LEFT JOIN ${s}.dead x USING (id) LEFT JOIN ${s}.discarded z USING (id)
LEFT JOIN LATERAL (SELECT id FROM ${s}.held WHERE held.id = e.id LIMIT 1) h ON true
LEFT JOIN LATERAL (SELECT published_at FROM ${s}.receipts WHERE ids @> e.id ORDER BY receipts.id DESC LIMIT 1) r ON true;`
}
