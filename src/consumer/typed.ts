import type { Codec, DecodedEvent } from '../core/codec.ts'
import { type Topic, validate } from '../core/topic.ts'

/** Topics by their names, or with the schema of their payloads. */
export type Topics<T = unknown> = string | Topic<T> | readonly (string | Topic<T>)[]

/** What `event.data` is, of any of the topics: unknown where one of them has no schema. */
export type DataOf<Of extends Topics> =
  Of extends Topic<infer T>
    ? T
    : Of extends readonly (infer One)[]
      ? One extends Topic<infer T>
        ? T
        : unknown
      : unknown

type CodecFor = (topic: string) => Codec

/** The names; what is none is left for the options' check. */
export function namesOf(topics: Topics): string | readonly string[] {
  return Array.isArray(topics) ? topics.map(nameOf) : nameOf(topics as string | Topic)
}

/** The codecs, which for a topic with a schema also read the payload, and find it broken where it doesn't fit. */
export function codecsOf(topics: Topics, codecFor: CodecFor): CodecFor {
  const list: readonly unknown[] = Array.isArray(topics) ? topics : [topics]
  const typed = new Map(
    list.filter(isTopic).map((topic) => [topic.name, checking(codecFor(topic.name), topic)]),
  )
  return typed.size === 0 ? codecFor : (name) => typed.get(name) ?? codecFor(name)
}

function checking(codec: Codec, topic: Topic): Codec {
  return {
    name: codec.name,
    encode: (event) => codec.encode(event),
    decode: (record, name) => {
      const decoded = codec.decode(record, name)
      return new Checked(decoded, validate(topic, meaningOf(decoded)))
    },
  }
}

/** What the codec made of the payload, else its JSON; `null` for a tombstone. Throws a `SyntaxError`. */
function meaningOf(decoded: DecodedEvent): unknown {
  if ('data' in decoded) return decoded.data
  const { payload } = decoded
  return payload === null ? null : JSON.parse(payload.toString())
}

/** A decoded event may have getters, which a spread would call or lose. */
class Checked implements DecodedEvent {
  readonly data: unknown
  readonly #decoded: DecodedEvent

  constructor(decoded: DecodedEvent, data: unknown) {
    this.#decoded = decoded
    this.data = data
  }

  get uuid(): string | undefined {
    return this.#decoded.uuid
  }

  get timestamp(): Date | undefined {
    return this.#decoded.timestamp
  }

  get key(): string | null {
    return this.#decoded.key
  }

  get msgType(): string {
    return this.#decoded.msgType
  }

  get mimeType(): string {
    return this.#decoded.mimeType
  }

  get headers(): DecodedEvent['headers'] {
    return this.#decoded.headers
  }

  get payload(): Buffer | null {
    return this.#decoded.payload
  }
}

export function nameOf(topic: string | Topic): string {
  return isTopic(topic) ? topic.name : topic
}

function isTopic(topic: unknown): topic is Topic {
  return typeof topic === 'object' && topic !== null && 'schema' in topic && 'name' in topic
}
