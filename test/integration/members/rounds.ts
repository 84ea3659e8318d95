/** How often a test is repeated: `ONCOMMIT_ROUNDS=50` for a proof that takes its time. */
export function rounds(usual: number): number {
  return Number(process.env['ONCOMMIT_ROUNDS'] ?? usual)
}

/** Calls `work` so often, `width` of them side by side: most of the time each waits for a session to end. */
export async function sideBySide(
  count: number,
  width: number,
  work: (round: number) => Promise<void>,
): Promise<void> {
  let next = 0
  const lane = async (): Promise<void> => {
    while (next < count) await work(next++)
  }
  const lanes = await Promise.allSettled(Array.from({ length: Math.min(width, count) }, lane))
  // None is left behind that still works where another failed.
  for (const ended of lanes) if (ended.status === 'rejected') throw ended.reason
}
