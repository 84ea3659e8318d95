import type { Reader, ReadPage } from '../../reading/reader.ts'

/** The reader's pages, or `null`, also where it has failed: whoever asks for the next event hears why. */
export function takeQuietly(reader: Reader): ReadPage[] | null {
  try {
    return reader.take()
  } catch {
    return null
  }
}
