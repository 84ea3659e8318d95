import type { Headers, HeaderValue } from './event.ts'

/**
 * Headers as JSON: `[name, "text"]` or `[name, { "b64": "…" }]` for bytes. A list, since an object
 * of JSON keeps neither order nor duplicates. `null` where there are none.
 */
export function encodeHeaders(headers: Headers): string | null {
  if (headers.length === 0) return null
  return JSON.stringify(
    headers.map(([name, value]) => [
      name,
      typeof value === 'string'
        ? value
        : {
            b64: Buffer.from(value.buffer, value.byteOffset, value.byteLength).toString('base64'),
          },
    ]),
  )
}

/**
 * Reads what `encodeHeaders` wrote, and what others may have written by plain SQL: an object of
 * texts. What is neither is given as its JSON, since an event must not stop the ones behind it.
 */
export function decodeHeaders(json: string | null): Headers {
  if (json === null) return []
  const parsed = JSON.parse(json) as unknown
  if (Array.isArray(parsed)) return parsed.map((item) => decodeItem(item))
  if (typeof parsed !== 'object' || parsed === null) return []
  return Object.entries(parsed).map(([name, value]) => [name, decodeValue(value)] as const)
}

function decodeItem(item: unknown): readonly [string, HeaderValue] {
  if (!Array.isArray(item) || typeof item[0] !== 'string') return ['', JSON.stringify(item)]
  return [item[0], decodeValue(item[1])]
}

function decodeValue(value: unknown): HeaderValue {
  if (typeof value === 'string') return value
  const base64 = (value as { b64?: unknown } | null)?.b64
  return typeof base64 === 'string' ? Buffer.from(base64, 'base64') : JSON.stringify(value ?? null)
}
