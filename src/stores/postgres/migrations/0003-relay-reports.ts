/** What relays say of themselves when they renew. `s` is the quoted schema. */
export function relayReports(s: string): string {
  return `
ALTER TABLE ${s}.relays
  ADD reported_at timestamptz,
  ADD broker_since timestamptz,
  ADD last_error text,
  ADD last_settle_at timestamptz;
COMMENT ON COLUMN ${s}.relays.broker_since IS 'Since when the broker has not answered; null where it does.';`
}
