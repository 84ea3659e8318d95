/** What relays say of themselves when they renew. `n` is what the names of the tables begin with. */
export function relayReports(n: string): string {
  return [
    'reported_at integer',
    'broker_since integer',
    'last_error text',
    'last_settle_at integer',
  ]
    .map((column) => `alter table ${n}_relays add column ${column};`)
    .join('\n')
}
