/** The headers of CloudEvents 1.0 in Kafka's binary mode that stand for an attribute of an event. */
export const SPEC_VERSION = 'ce_specversion'
export const ID = 'ce_id'
export const SOURCE = 'ce_source'
export const TYPE = 'ce_type'
export const TIME = 'ce_time'
export const CONTENT_TYPE = 'content-type'

export type AttributeName =
  | typeof SPEC_VERSION
  | typeof ID
  | typeof SOURCE
  | typeof TYPE
  | typeof TIME
  | typeof CONTENT_TYPE

export function isAttributeName(name: string): name is AttributeName {
  return (
    name === ID ||
    name === SOURCE ||
    name === TYPE ||
    name === TIME ||
    name === SPEC_VERSION ||
    name === CONTENT_TYPE
  )
}
