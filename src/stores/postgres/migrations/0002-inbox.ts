/** What groups have handled. `s` is the quoted schema. */
export function inbox(s: string): string {
  return `
CREATE TABLE ${s}.inbox (
  consumer_group text NOT NULL, uuid uuid NOT NULL, handled_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (consumer_group, uuid)
);
COMMENT ON TABLE ${s}.inbox IS 'Which events a group has handled: written in the transaction that has their effects.';
CREATE INDEX inbox_handled_at ON ${s}.inbox USING brin (handled_at) WITH (autosummarize = on);`
}
