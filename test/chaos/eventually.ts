/** Resolves with what `look` gives, once it gives something and does not fail. */
export async function eventually<T>(
  what: string,
  look: () => T | undefined | Promise<T | undefined>,
  timeoutMs = 90_000,
): Promise<T> {
  const deadline = performance.now() + timeoutMs
  let failure: unknown
  while (performance.now() < deadline) {
    try {
      const seen = await look()
      if (seen !== undefined) return seen
    } catch (error) {
      failure = error
    }
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
  throw new Error(`not within ${timeoutMs} ms: ${what}`, { cause: failure })
}
