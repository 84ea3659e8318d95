import type { Reader, ReadPage } from '../../reading/reader.ts'

/** What fetched pages go through on their way to the loop: where they wait, and what is given up. */
export interface Intake {
  /** The reader has pages, or has failed: what is to wait here is taken from it. */
  arrived(reader: Reader): void
  /** One event of a page that was taken has been handed out, or passed over. */
  handed(): void
  /** The pages that are next, or `null`. Records that were given up are not in them. Throws what ended the reading. */
  take(reader: Reader): ReadPage[] | null
  /** What waits and is not taken any more. */
  rest(): ReadPage[]
}
