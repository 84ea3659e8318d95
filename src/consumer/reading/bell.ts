/** Wakes those who wait until something has changed: each then looks for itself what it is. */
export class Bell {
  #waiting: PromiseWithResolvers<void> | null = null

  ring(): void {
    if (this.#waiting === null) return
    this.#waiting.resolve()
    this.#waiting = null
  }

  /** Resolves at the next ring. */
  heard(): Promise<void> {
    this.#waiting ??= Promise.withResolvers<void>()
    return this.#waiting.promise
  }
}
