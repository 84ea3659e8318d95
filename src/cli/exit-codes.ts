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
} as const

/** The exit code for what a command threw. */
export function exitCodeOf(error: unknown): number {
  if (error instanceof OptionError || error instanceof PeerMissingError) return EXIT.usage
  if (error instanceof SchemaVersionError) return EXIT.schema
  if (error instanceof StoreError) return EXIT.storeAway
  if (error instanceof BrokerError)
    return error.kind === 'misconfigured' ? EXIT.usage : EXIT.brokerAway
  if (error instanceof UnsafeStoreError) return EXIT.failed
  return EXIT.failed
}
