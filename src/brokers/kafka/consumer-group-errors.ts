import { BrokerError } from '../../core/errors.ts'
import type { ConsumerGroup } from './consumer-group.ts'
import { protocolErrors } from './protocol-errors.ts'

/** The group goes on without this member. */
const expelling: ReadonlySet<string> = new Set(['UNKNOWN_MEMBER_ID', 'FENCED_MEMBER_EPOCH'])

/** What no waiting cures: the first join says so. */
const fatal: ReadonlyMap<string, string> = new Map([
  ['GROUP_AUTHORIZATION_FAILED', 'the user needs READ on the group'],
  ['INVALID_GROUP_ID', 'the broker takes no group of this name'],
  [
    'UNSUPPORTED_VERSION',
    "the brokers don't have the consumer group protocol (Kafka 4, group.version 1): use groupProtocol: 'classic'",
  ],
  [
    'GROUP_ID_NOT_FOUND',
    "the group has members of the classic protocol that it can't be joined with: stop them first, or use groupProtocol: 'classic'",
  ],
])

export function isExpelled(answered: ReadonlySet<string>): boolean {
  return [...answered].some((name) => expelling.has(name))
}

/** What a refused commit says about the member: an epoch that is not the newest only asks for it. */
export function refusalOf(answered: ReadonlySet<string>): 'expelled' | 'again' | null {
  if (isExpelled(answered)) return 'expelled'
  return answered.has('STALE_MEMBER_EPOCH') ? 'again' : null
}

/** Why the group can't be joined whatever the wait; `null` where it may be later. */
export async function joinRefusal(
  error: unknown,
  group: string,
  requests: Pick<ConsumerGroup, 'forbiddenTopic'>,
): Promise<BrokerError | null> {
  const answered = protocolErrors(error)
  if (answered.has('TOPIC_AUTHORIZATION_FAILED')) return requests.forbiddenTopic().catch(() => null)
  // A broker that does not know the request at all says so before it is sent.
  const isUnknown = error instanceof BrokerError && error.kind === 'misconfigured'
  const name = isUnknown ? 'UNSUPPORTED_VERSION' : [...answered].find((one) => fatal.has(one))
  if (name === undefined) return null
  return new BrokerError(
    'misconfigured',
    `group ${group} can't be joined: ${name}: ${fatal.get(name)}`,
    { cause: error },
  )
}
