import type { WireRecord } from '../../core/codec.ts'

type Headers = WireRecord['headers']

/** Headers as bytes: for each the length of its name, the name, the length of its value, the value. */
export function packHeaders(headers: Headers): Buffer | null {
  if (headers.length === 0) return null
  const parts: Buffer[] = []
  for (const [name, value] of headers) {
    const nameBytes = Buffer.from(name, 'utf8')
    parts.push(lengthOf(nameBytes), nameBytes, lengthOf(value), value)
  }
  return Buffer.concat(parts)
}

export function unpackHeaders(packed: Buffer | null): Headers {
  if (packed === null) return []
  const headers: [string, Buffer][] = []
  for (let at = 0; at < packed.length;) {
    const name = bytesAt(packed, at)
    const value = bytesAt(packed, at + 4 + name.length)
    headers.push([name.toString('utf8'), value])
    at += 8 + name.length + value.length
  }
  return headers
}

function lengthOf(bytes: Buffer): Buffer {
  const length = Buffer.allocUnsafe(4)
  length.writeUInt32LE(bytes.length)
  return length
}

function bytesAt(packed: Buffer, at: number): Buffer {
  return packed.subarray(at + 4, at + 4 + packed.readUInt32LE(at))
}
