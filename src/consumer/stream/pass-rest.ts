import type { ReadPage } from '../reading/reader.ts'

/**
 * Lets marks pass, at the end, what is for no reader: records that were given up behind the last
 * event that was handed out. `unread` holds what was not handed out.
 */
export function passRest(unread: readonly ReadPage[], epoch: number): void {
  const held = new Set<ReadPage['mark']>()
  for (const { mark, page, epoch: own } of unread) {
    if (own !== epoch || held.has(mark)) continue
    const [first] = page.records
    mark.pass(first?.offset ?? page.nextOffset)
    if (first !== undefined) held.add(mark)
  }
}
