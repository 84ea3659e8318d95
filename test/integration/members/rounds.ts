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
  await Promise.all(Array.from({ length: Math.min(width, count) }, lane))
}
