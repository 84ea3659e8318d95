/** The headers of CloudEvents 1.0 in Kafka's binary mode that stand for an attribute of an event. */
export const SPEC_VERSION = 'ce_specversion'
export const ID = 'ce_id'
export const SOURCE = 'ce_source'
export const TYPE = 'ce_type'
export const TIME = 'ce_time'
export const CONTENT_TYPE = 'content-type'
