const SEED = 0x9747b28c
const M = 0x5bd1e995
const R = 24

/**
 * The hash by which Java's Kafka client chooses a key's partition, as a signed 32-bit integer
 * (`org.apache.kafka.common.utils.Utils.murmur2`): a key goes to the same partition whoever
 * publishes it.
 */
export function murmur2(data: Uint8Array): number {
  const length = data.length
  let hash = SEED ^ length
  let at = 0
  for (; at + 4 <= length; at += 4) {
    const block =
      byteAt(data, at) |
      (byteAt(data, at + 1) << 8) |
      (byteAt(data, at + 2) << 16) |
      (byteAt(data, at + 3) << 24)
    let k = Math.imul(block, M)
    k = Math.imul(k ^ (k >>> R), M)
    hash = Math.imul(hash, M) ^ k
  }
  return finish(mixRest(hash, data, at))
}

/** The partition of a key among `partitions`, as Java's Kafka client chooses it. */
export function partitionOf(key: Uint8Array, partitions: number): number {
  return (murmur2(key) & 0x7fffffff) % partitions
}

function mixRest(hash: number, data: Uint8Array, at: number): number {
  const rest = data.length - at
  if (rest === 0) return hash
  let mixed = hash
  for (let i = rest - 1; i >= 0; i--) mixed ^= byteAt(data, at + i) << (8 * i)
  return Math.imul(mixed, M)
}

function finish(hash: number): number {
  const mixed = Math.imul(hash ^ (hash >>> 13), M)
  return mixed ^ (mixed >>> 15)
}

function byteAt(data: Uint8Array, index: number): number {
  return data[index] ?? 0
}
