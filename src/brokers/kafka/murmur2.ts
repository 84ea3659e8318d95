/**
 * MurmurHash2 as Kafka's Java client computes it (`Utils.murmur2`), without its sign: all clients
 * of the default partitioner agree on `murmur2(key) % partitions`.
 */
export function murmur2(data: Uint8Array): number {
  const m = 0x5bd1e995
  const length = data.length
  let h = 0x9747b28c ^ length
  let at = 0
  for (; at + 4 <= length; at += 4) {
    let k =
      (data[at] as number) |
      ((data[at + 1] as number) << 8) |
      ((data[at + 2] as number) << 16) |
      ((data[at + 3] as number) << 24)
    k = Math.imul(k, m)
    k ^= k >>> 24
    h = Math.imul(h, m) ^ Math.imul(k, m)
  }
  const rest = length - at
  if (rest > 2) h ^= (data[at + 2] as number) << 16
  if (rest > 1) h ^= (data[at + 1] as number) << 8
  if (rest > 0) h = Math.imul(h ^ (data[at] as number), m)
  h = Math.imul(h ^ (h >>> 13), m)
  h ^= h >>> 15
  return h & 0x7fffffff
}
