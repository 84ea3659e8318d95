/** Larger sends are rare: their memory is not kept. */
const MOST_KEPT = 4 * 1024 * 1024

/**
 * Memory for the batches of one send, used again for the next one. Megabytes that are allocated
 * for each send keep the garbage collector marking all the time: a fifth of a relay's CPU.
 */
export class Slab {
  #memory: Buffer = Buffer.alloc(0)
  #used = 0
  #wanted = 0

  /** All that was taken is free again. */
  reset(): void {
    const grown = Math.min(this.#wanted, MOST_KEPT)
    if (grown > this.#memory.length) this.#memory = Buffer.allocUnsafeSlow(grown)
    this.#used = 0
    this.#wanted = 0
  }

  take(bytes: number): Buffer {
    this.#wanted += bytes
    const from = this.#used
    if (from + bytes > this.#memory.length) return Buffer.allocUnsafeSlow(bytes)
    this.#used += bytes
    return this.#memory.subarray(from, this.#used)
  }
}
