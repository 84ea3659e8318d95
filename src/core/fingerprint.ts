const UUID = /[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}/gi
const NUMBER = /\d+(?:[.,:]\d+)*/g

/**
 * What errors of one cause have in common: uuids and numbers are `*`. As the `error` of a filter it
 * finds them again.
 */
export function fingerprint(error: string): string {
  return error.replaceAll(UUID, '*').replaceAll(NUMBER, '*')
}
