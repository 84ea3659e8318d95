/** What operators decide, and who did. `n` is what the names of the tables begin with. */
export function operators(n: string): string {
  return `
-- A row for each transaction that did something; those of one action share bulk. Never changed.
create table ${n}_audit (
  id integer primary key autoincrement,
  bulk text not null, at integer not null default ${NOW},
  actor text not null, action text not null check (action in ('requeue', 'discard', 'release')),
  filter text not null check (json_valid(filter)), reason text not null, matched integer not null, done integer not null,
  details text not null check (json_valid(details))
) strict;

-- Events that an operator gave up.
create table ${n}_discarded (id integer primary key, at integer not null default ${NOW}, audit integer not null) strict;
create index ${n}_discarded_at on ${n}_discarded (at);

-- What was discarded is not delivered, unless it was on its way.
drop view ${n}_outbox;
create view ${n}_outbox as
select topic, is_done and (send_time is not null or not exists (select 1 from ${n}_discarded z where z.id = e.id)) as delivered,
  uuid, ${iso('stored_timestamp')} as stored_timestamp, ${iso('send_time')} as send_timestamp, msg_type, mime_type, payload
from (
  select *, case when is_done then (
    select r.published_at from ${n}_receipts r
    where r.last_id >= d.id and r.first_id <= d.id
      and exists (select 1 from json_each(r.ids) g where d.id between json_extract(g.value, '$[0]') and json_extract(g.value, '$[1]'))
    order by r.last_id limit 1) end as send_time
  from (
    select *, not exists (select 1 from ${n}_delivery d where d.id = events.id)
      and not exists (select 1 from ${n}_held h where h.id = events.id)
      and not exists (select 1 from ${n}_dead x where x.id = events.id) as is_done
    from ${n}_events events) d) e;`
}

const NOW = `(cast(round((julianday('now') - 2440587.5) * 86400000) as integer))`

function iso(ms: string): string {
  return `strftime('%Y-%m-%dT%H:%M:%fZ', ${ms} / 1000.0, 'unixepoch')`
}
