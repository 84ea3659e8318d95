export const SCHEMA_VERSION = 1

/**
 * A group is rebalancing while `rebalancing_since` is set: a member is `ready` when it holds nothing
 * any more. When all are, the generation rises and `assignments` are made anew.
 */
export const SCHEMA = `
create table topics (
  id integer primary key,
  name text not null unique
) strict;
create table partitions (
  id integer primary key,
  topic_id integer not null,
  number integer not null,
  start_offset integer not null default 0,
  next_offset integer not null default 0,
  unique (topic_id, number)
) strict;
create table records (
  partition_id integer not null,
  "offset" integer not null,
  timestamp integer not null,
  key blob,
  value blob,
  headers blob,
  primary key (partition_id, "offset")
) strict;
create table publishers (
  fence text primary key,
  relay_id text not null,
  epoch integer not null
) strict;
create table batches (
  fence text not null,
  number integer not null,
  ids text not null,
  primary key (fence, number)
) strict;
create table groups (
  name text primary key,
  generation integer not null default 0,
  rebalancing_since integer
) strict;
create table members (
  joined integer primary key autoincrement,
  id text not null unique,
  group_name text not null,
  topics text not null,
  session_ms integer not null,
  beat_at integer not null,
  ready integer not null default 1
) strict;
create index members_by_group on members (group_name);
create table assignments (
  group_name text not null,
  topic text not null,
  partition integer not null,
  member_id text not null,
  primary key (group_name, topic, partition)
) strict;
create table commits (
  group_name text not null,
  topic text not null,
  partition integer not null,
  "offset" integer not null,
  primary key (group_name, topic, partition)
) strict;
`
