import type { Broker } from '../../../src/core/broker.ts'
import type { GroupMembership, LogClient } from '../../../src/core/log.ts'
import type { Notebook } from './history.ts'
import { withMethods } from './with-methods.ts'

/** A broker whose groups are told nothing that is not noted before. */
export function notesMarks(broker: Broker, group: string, notebook: Notebook): Broker {
  return withLog(broker, (log) =>
    withMethods(log, {
      async join(options): Promise<GroupMembership> {
        const membership = await log.join(options)
        return withMethods(membership, {
          commit(marks) {
            const noted = marks.map(({ topic, partition, offset }) => {
              return { what: 'mark' as const, group, topic, partition, offset: Number(offset) }
            })
            if (noted.length > 0) notebook.note(...noted)
            return membership.commit(marks)
          },
        })
      },
    }),
  )
}

/** Broken on purpose: what was fetched is committed at once, handled or not. */
export function commitsAtFetch(broker: Broker): Broker {
  return withLog(broker, (log) => {
    let membership: GroupMembership | undefined
    let generation = 0
    return withMethods(log, {
      async join(options) {
        membership = await log.join({
          ...options,
          onAssigned(partitions, assigned) {
            generation = assigned
            options.onAssigned(partitions, assigned)
          },
        })
        return membership
      },
      async fetch(positions, options) {
        const pages = await log.fetch(positions, options)
        await membership?.commit(
          pages.map(({ topic, partition, nextOffset: offset }) => {
            return { topic, partition, offset, generation }
          }),
        )
        return pages
      },
    })
  })
}

function withLog(broker: Broker, change: (log: LogClient) => LogClient): Broker {
  return withMethods(broker, {
    openLog: async (options) => change(await broker.openLog(options)),
  })
}
