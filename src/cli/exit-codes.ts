import {
  BrokerError,
  OptionError,
  PeerMissingError,
  SchemaVersionError,
  StoreError,
  UnsafeStoreError,
} from '../core/errors.ts'

/** What the commands exit with: scripts branch on it. */
export const EXIT = {
  done: 0,
  failed: 1,
  usage: 2,
  storeAway: 3,
  brokerAway: 4,
  notFound: 5,
  schema: 6,
  /** Needs --yes, or a role. */
  refused: 7,
  interrupted: 130,
} as const

/** The exit code for what a command threw. */
export function exitCodeOf(error: unknown): number {
  if (error instanceof OptionError || error instanceof PeerMissingError) return EXIT.usage
  if (error instanceof SchemaVersionError) return EXIT.schema
  if (error instanceof StoreError) return isDenied(error) ? EXIT.refused : EXIT.storeAway
  if (error instanceof BrokerError)
    return error.kind === 'misconfigured' ? EXIT.usage : EXIT.brokerAway
  if (error instanceof UnsafeStoreError) return EXIT.failed
  return EXIT.failed
}

/** PostgreSQL's code for a right that is missing. */
function isDenied({ cause }: StoreError): boolean {
  return (cause as { code?: unknown } | undefined)?.code === '42501'
}
