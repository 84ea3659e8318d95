/** What the processes of the shop tell the one that started them. */
export interface Report {
  readonly sent?: number
  readonly rolledBack?: number
  /** An event that the handler has got, in the order in which it got them. */
  readonly handled?: { readonly id: string; readonly customer: string; readonly number: number }
  /** How many lanes of the outbox a relay works on: 0 while it stands by. */
  readonly lanes?: number
  readonly ready?: boolean
}

export function report(what: Report): void {
  // The one that started this process may end first: then there is nobody to tell.
  process.send?.(what, undefined, undefined, () => {})
}
