/** The names that Kafka's protocol has for what is wrong, as far as the reading side decides by them. */
const errorNames: ReadonlyMap<number, string> = new Map([
  [1, 'OFFSET_OUT_OF_RANGE'],
  [3, 'UNKNOWN_TOPIC_OR_PARTITION'],
  [5, 'LEADER_NOT_AVAILABLE'],
  [6, 'NOT_LEADER_OR_FOLLOWER'],
  [9, 'REPLICA_NOT_AVAILABLE'],
  [17, 'INVALID_TOPIC_EXCEPTION'],
  [29, 'TOPIC_AUTHORIZATION_FAILED'],
  [56, 'KAFKA_STORAGE_ERROR'],
  [74, 'FENCED_LEADER_EPOCH'],
  [75, 'UNKNOWN_LEADER_EPOCH'],
  [78, 'OFFSET_NOT_AVAILABLE'],
  [100, 'UNKNOWN_TOPIC_ID'],
  [103, 'INCONSISTENT_TOPIC_ID'],
])

/** Answers of a partition that fresh metadata cure: the leader moved, or the topic isn't known yet. */
const stale: ReadonlySet<number> = new Set([3, 5, 6, 9, 56, 74, 75, 78, 100, 103])

export function isStale(errorCode: number): boolean {
  return stale.has(errorCode)
}

export function errorName(errorCode: number): string {
  return errorNames.get(errorCode) ?? `error ${errorCode}`
}

/** The protocol's errors in whatever the client threw, by name: it nests them in several ways. */
export function protocolErrors(error: unknown): ReadonlySet<string> {
  const names = new Set<string>()
  for (const leaf of errorTree(error)) {
    const name = (leaf as { apiId?: unknown }).apiId
    if (typeof name === 'string') names.add(name)
  }
  return names
}

/** The broker's answer where it came with errors: what is good in it, is in it. */
export function answerOf(error: unknown): unknown {
  for (const one of errorTree(error)) {
    const { response } = one as { response?: unknown }
    if (typeof response === 'object' && response !== null) return response
  }
  return undefined
}

function errorTree(root: unknown): readonly object[] {
  const seen = new Set<object>()
  const look = (error: unknown): void => {
    if (typeof error !== 'object' || error === null || seen.has(error)) return
    seen.add(error)
    const { errors, cause } = error as { errors?: unknown; cause?: unknown }
    if (Array.isArray(errors)) for (const one of errors) look(one)
    look(cause)
  }
  look(root)
  return [...seen]
}
