/** Relays that wait for the broker. `s` is the quoted schema. */
export function waitingRelays(s: string): string {
  return `
CREATE TABLE ${s}.waiting_relays (
  id uuid PRIMARY KEY, since timestamptz NOT NULL, reported_at timestamptz NOT NULL DEFAULT clock_timestamp(), error text NOT NULL
);
COMMENT ON TABLE ${s}.waiting_relays IS 'Relays that have no place at the broker, and so none in relays. For operators alone: a row may be old.';`
}
