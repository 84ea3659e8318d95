/** How many places may lie empty at the front before they are cut off. */
const SLACK = 64

/** First in, first out, however long it is: an array's own `shift` moves all the others. */
export class Queue<T> {
  #items: T[]
  #head = 0

  constructor(items: T[] = []) {
    this.#items = items
  }

  get length(): number {
    return this.#items.length - this.#head
  }

  get first(): T | undefined {
    return this.#items[this.#head]
  }

  get last(): T | undefined {
    return this.#head < this.#items.length ? this.#items.at(-1) : undefined
  }

  push(item: T): void {
    this.#items.push(item)
  }

  shift(): T | undefined {
    const item = this.#items[this.#head]
    if (item === undefined) return undefined
    // So that nothing that is gone is held.
    this.#items[this.#head] = undefined as T
    this.#head += 1
    if (this.#head === this.#items.length) {
      this.#items.length = 0
      this.#head = 0
    } else if (this.#head > SLACK && this.#head * 2 > this.#items.length) {
      this.#items.splice(0, this.#head)
      this.#head = 0
    }
    return item
  }

  pop(): T | undefined {
    return this.#head < this.#items.length ? this.#items.pop() : undefined
  }

  /** The first ones, at most so many; they stay. */
  peek(count: number): T[] {
    return this.#items.slice(this.#head, this.#head + count)
  }
}
