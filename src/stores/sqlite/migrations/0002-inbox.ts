/** What groups have handled. `n` is what the names of the tables begin with. */
export function inbox(n: string): string {
  return `
-- Written in the transaction that has the effects of an event. The oldest rows are those with the lowest rowids.
create table ${n}_inbox (
  consumer_group text not null,
  uuid text not null,
  handled_at integer not null default (cast(round((julianday('now') - 2440587.5) * 86400000) as integer)),
  primary key (consumer_group, uuid)
) strict;`
}
