/** Milliseconds since the epoch, in words that SQLite has had for long: writers may bring an old one. */
const NOW = `(cast(round((julianday('now') - 2440587.5) * 86400000) as integer))`

/** A UUIDv7. The time is the same wherever a statement asks for it. */
const UUID = `(lower(substr(printf('%012x', ${NOW}), 1, 8) || '-' || substr(printf('%012x', ${NOW}), 9) || '-7' ||
    substr(hex(randomblob(2)), 2) || '-' || substr('89ab', 1 + (random() & 3), 1) || substr(hex(randomblob(2)), 2) || '-' || hex(randomblob(6))))`

/** The tables of the first version. `n` is what their names begin with. */
export function outbox(n: string): string {
  return [ledger(n), pending(n), membership(n), trouble(n), view(n)].join('\n')
}

function ledger(n: string): string {
  return `
-- Every event. Insert only, ids are never given again.
create table ${n}_events (
  id integer primary key autoincrement,
  uuid text not null default ${UUID},
  topic text not null check (length(cast(topic as blob)) between 1 and 249),
  key text,
  msg_type text not null default '',
  mime_type text not null default 'application/octet-stream',
  headers text check (headers is null or json_valid(headers)),
  payload blob,
  occurred_at integer not null default ${NOW},
  stored_timestamp integer not null default ${NOW}
) strict;`
}

function pending(n: string): string {
  return `
-- What is still to do. There is one lane: no two connections write at once anyway.
create table ${n}_delivery (id integer primary key, lane integer not null default 0) strict;

-- Relays look behind the last id that they saw. The sequence is as it was before the statement.
create trigger ${n}_enqueue after insert on ${n}_events begin
  select raise(abort, '${n}_events gives ids itself: this one is not above those that it has given')
    where new.id <= coalesce((select seq from sqlite_sequence where name = '${n}_events'), 0);
  insert into ${n}_delivery (id) values (new.id);
end;

-- What became of it: a row for each published batch. ids: [[first, last], …].
create table ${n}_receipts (
  id integer primary key autoincrement,
  first_id integer not null,
  last_id integer not null,
  ids text not null,
  published_at integer not null default ${NOW},
  acks text not null
) strict;
create index ${n}_receipts_last_id on ${n}_receipts (last_id);`
}

function membership(n: string): string {
  return `
create table ${n}_relays (
  id text not null primary key, fence text not null unique, expires_at integer not null, fenced_at integer,
  protocol integer not null, settled integer not null default 0
) strict;
create table ${n}_lanes (lane integer primary key, owner text, epoch integer not null default 0) strict;
insert into ${n}_lanes (lane) values (0);

create table ${n}_cleaner (single integer primary key check (single = 1), holder text, expires_at integer not null default 0) strict;
insert into ${n}_cleaner (single) values (1);`
}

function trouble(n: string): string {
  return `
create table ${n}_blocked (
  id integer primary key autoincrement,
  topic text not null, key text, event_id integer, lane integer not null,
  attempts integer not null default 0, retry_at integer, state text not null default 'blocked',
  error text not null, since integer not null default ${NOW}
) strict;
create index ${n}_blocked_scope on ${n}_blocked (lane, topic, key, event_id);

create table ${n}_held (id integer primary key, blocked_id integer not null, lane integer not null) strict;
create index ${n}_held_blocked_id on ${n}_held (blocked_id);

create table ${n}_dead (
  id integer primary key, attempts integer not null, error text, at integer not null default ${NOW}, requeued_from integer
) strict;`
}

function iso(ms: string): string {
  return `strftime('%Y-%m-%dT%H:%M:%fZ', ${ms} / 1000.0, 'unixepoch')`
}

function view(n: string): string {
  return `
create view ${n}_outbox as
select topic, delivered, uuid, ${iso('stored_timestamp')} as stored_timestamp,
  case when delivered then (
    select ${iso('r.published_at')} from ${n}_receipts r
    where r.last_id >= e.id and r.first_id <= e.id
      and exists (select 1 from json_each(r.ids) g where e.id between json_extract(g.value, '$[0]') and json_extract(g.value, '$[1]'))
    order by r.last_id limit 1) end as send_timestamp,
  msg_type, mime_type, payload
from (
  select *, not exists (select 1 from ${n}_delivery d where d.id = events.id)
    and not exists (select 1 from ${n}_held h where h.id = events.id)
    and not exists (select 1 from ${n}_dead x where x.id = events.id) as delivered
  from ${n}_events events) e;`
}
