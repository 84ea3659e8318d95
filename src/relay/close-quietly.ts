/** Ends what is of no use any more; that it can't even be closed changes nothing. */
export async function closeQuietly(resource: AsyncDisposable): Promise<void> {
  try {
    await resource[Symbol.asyncDispose]()
  } catch {
    // It is gone.
  }
}
