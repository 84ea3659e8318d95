import type { DecodedEvent, WireRecord } from '../../core/codec.ts'
import { CONTENT_TYPE, ID, SOURCE, SPEC_VERSION, TIME, TYPE } from './attributes.ts'
import { isText, isUsualTime, isUuidText } from './scan.ts'
import { fromUtf8, notUtf8 } from './utf8.ts'

type HeaderPair = readonly [name: string, value: Buffer]

const NO_MIME_TYPE = 'application/octet-stream'
const noHeaders: readonly HeaderPair[] = []

/**
 * What a record says. All of it is looked through at once, so that what can't be read throws here;
 * texts and times are made when they are asked for, since most readers ask for few of them.
 */
export class CloudEvent implements DecodedEvent {
  readonly headers: readonly HeaderPair[]
  readonly payload: Buffer | null
  #uuid: Buffer | string | undefined
  #timestamp: Buffer | Date | undefined
  #key: Buffer | string | null
  #msgType: Buffer | string | undefined
  #mimeType: Buffer | string | undefined

  constructor({ key, value, headers }: WireRecord) {
    const isOwn = !isForeign(headers)
    let rest: HeaderPair[] | null = null
    let hasSource = false
    let hasVersion = false
    for (const header of headers) {
      const [name, bytes] = header
      if (name === ID && isOwn && this.#uuid === undefined) this.#uuid = bytes
      else if (name === TYPE && this.#msgType === undefined) this.#msgType = textIn(bytes, name)
      else if (name === TIME && this.#timestamp === undefined) this.#timestamp = timeIn(bytes)
      else if (name === CONTENT_TYPE && this.#mimeType === undefined)
        this.#mimeType = textIn(bytes, name)
      else if (name === SOURCE && isOwn && !hasSource) hasSource = true
      else if (name === SPEC_VERSION && !hasVersion) hasVersion = true
      else (rest ??= []).push(header)
    }
    if (key !== null && !isText(key)) throw notUtf8('the key')
    this.#key = key
    this.payload = value
    this.headers = rest ?? noHeaders
  }

  get uuid(): string | undefined {
    if (typeof this.#uuid === 'object') this.#uuid = this.#uuid.toString('latin1')
    return this.#uuid
  }

  get timestamp(): Date | undefined {
    if (Buffer.isBuffer(this.#timestamp)) this.#timestamp = new Date(this.#timestamp.toString())
    return this.#timestamp
  }

  get key(): string | null {
    if (Buffer.isBuffer(this.#key)) this.#key = this.#key.toString()
    return this.#key
  }

  get msgType(): string {
    if (typeof this.#msgType === 'object') this.#msgType = this.#msgType.toString()
    return this.#msgType ?? ''
  }

  get mimeType(): string {
    if (typeof this.#mimeType === 'object') this.#mimeType = this.#mimeType.toString()
    return this.#mimeType ?? NO_MIME_TYPE
  }
}

/** Another program's event: its id is no UUID, and means something with its source only. */
function isForeign(headers: WireRecord['headers']): boolean {
  for (const [name, bytes] of headers) if (name === ID) return !isUuidText(bytes)
  return false
}

function textIn(bytes: Buffer, name: string): Buffer {
  if (!isText(bytes)) throw notUtf8(`header ${name}`)
  return bytes
}

function timeIn(bytes: Buffer): Buffer | Date {
  if (isUsualTime(bytes)) return bytes
  const text = fromUtf8(bytes, `header ${TIME}`)
  const time = new Date(text)
  if (Number.isNaN(time.getTime()))
    throw new TypeError(`header ${TIME} is no time: ${text.slice(0, 60)}`)
  return time
}
