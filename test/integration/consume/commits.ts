import type { Broker } from '../../../src/core/broker.ts'
import type { GroupMembership, JoinOptions, LogClient, Mark } from '../../../src/core/log.ts'

/** A commit that a reader asked the broker for, when it did. */
export interface CommitTried {
  readonly group: string
  readonly marks: readonly Mark[]
}

/** The broker as it is; tells of each commit before it is sent. */
export function watchCommits(broker: Broker, onCommit: (commit: CommitTried) => void): Broker {
  const openLog: Broker['openLog'] = async (options) => {
    const client = await broker.openLog(options)
    const watched: LogClient = {
      partitions: (topics) => client.partitions(topics),
      offsets: (partitions, at) => client.offsets(partitions, at),
      fetch: (positions, fetching) => client.fetch(positions, fetching),
      close: () => client.close(),
      join: async (joining: JoinOptions): Promise<GroupMembership> => {
        const membership = await client.join(joining)
        return {
          committed: (partitions) => membership.committed(partitions),
          leave: () => membership.leave(),
          heard: () => membership.heard(),
          commit: (marks) => {
            onCommit({ group: joining.group, marks })
            return membership.commit(marks)
          },
        }
      },
    }
    return watched
  }
  return { ...broker, openLog }
}
