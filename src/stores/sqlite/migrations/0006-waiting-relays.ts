/** Relays that wait for the broker. `n` is what the names of the tables begin with. */
export function waitingRelays(n: string): string {
  return `
-- They have no place at the broker, and so none in relays. For operators alone: a row may be old.
create table ${n}_waiting_relays (
  id text not null primary key, since integer not null, reported_at integer not null, error text not null
) strict;`
}
