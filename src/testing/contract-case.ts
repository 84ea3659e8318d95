/** One promise of a port, as a test that any runner can run: it throws where the promise is broken. */
export interface ContractCase<Harness> {
  /** The promise. */
  readonly title: string
  /** Why it doesn't apply to this implementation, or `null`. */
  readonly unless?: (harness: Harness) => string | null
  run(harness: Harness): Promise<void>
}
