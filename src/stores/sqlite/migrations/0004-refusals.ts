/** What becomes of refused events. `n` is what the names of the tables begin with. */
export function refusals(n: string): string {
  return `
-- Nobody has tried these again since they were refused.
update ${n}_blocked set state = 'retrying', retry_at = 0 where key is not null or event_id is not null;
-- When the relay looks at an entry: to try the head (retrying), or to begin to drain.
create index ${n}_blocked_due on ${n}_blocked (retry_at) where retry_at is not null;

-- How often an operator has had it delivered again.
alter table ${n}_held add column redelivered integer not null default 0;
alter table ${n}_dead drop column requeued_from;
alter table ${n}_dead add column redelivered integer not null default 0;`
}
