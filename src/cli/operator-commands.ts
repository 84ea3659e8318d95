import type { Command } from 'commander'

import { blockedDiscard, blockedList, blockedRelease, blockedShow } from './commands/blocked.ts'
import type { BlockedDiscardFlags } from './commands/blocked.ts'
import { deadDiscard, deadList, deadRequeue, deadShow } from './commands/dead.ts'
import type { DeadListFlags, RequeueFlags } from './commands/dead.ts'
import type { ActFlags, FilterFlags } from './operating.ts'
import type { Terminal } from './terminal.ts'

interface Shared {
  readonly terminal: Terminal
  readonly withStore: (command: Command) => Command
}

/** `oncommit dead …`: what was refused for good. */
export function addDeadCommands(program: Command, { terminal, withStore }: Shared): void {
  const dead = program.command('dead').description('look at dead letters, and decide about them')
  withFilter(withStore(dead.command('list').description('what died, by topic and error')))
    .option('--each', 'a line for each letter instead (default: groups)')
    .action(async (flags: DeadListFlags) => {
      process.exitCode = await deadList(flags, terminal)
    })
  withStore(dead.command('show').description('all of one letter').argument('<uuid>'))
    .option('--json', 'as JSON (default: a short text)')
    .action(async (uuid: string, flags: FilterFlags) => {
      process.exitCode = await deadShow(uuid, flags, terminal)
    })
  acts(
    withStore,
    dead,
    'requeue',
    'publish letters again, behind what their keys have published since',
  )
    .option('--only-in-order', 'leave out keys with newer published events (default: all)')
    .action(async (uuids: string[], flags: RequeueFlags) => {
      process.exitCode = await deadRequeue(uuids, flags, terminal)
    })
  acts(withStore, dead, 'discard', 'give letters up for good').action(
    async (uuids: string[], flags: ActFlags) => {
      process.exitCode = await deadDiscard(uuids, flags, terminal)
    },
  )
}

/** `oncommit blocked …`: what waits for an event that was refused. */
export function addBlockedCommands(program: Command, { terminal, withStore }: Shared): void {
  const blocked = program
    .command('blocked')
    .description('look at blocked keys, and decide about them')
  withFilter(withStore(blocked.command('list').description('what is blocked, and by what'))).action(
    async (flags: FilterFlags) => {
      process.exitCode = await blockedList(flags, terminal)
    },
  )
  withFilter(
    withStore(
      blocked
        .command('show')
        .description('what is blocked, with the first events that wait')
        .argument('[uuids...]', 'of the heads'),
    ),
  ).action(async (uuids: string[], flags: FilterFlags) => {
    process.exitCode = await blockedShow(uuids, flags, terminal)
  })
  acts(withStore, blocked, 'release', 'let keys go on now, with their heads').action(
    async (uuids: string[], flags: ActFlags) => {
      process.exitCode = await blockedRelease(uuids, flags, terminal)
    },
  )
  acts(withStore, blocked, 'discard', 'give held events up for good, and let their keys go on')
    .option('--head', 'the heads of all keys that are meant (default: the events with these uuids)')
    .action(async (uuids: string[], flags: BlockedDiscardFlags) => {
      process.exitCode = await blockedDiscard(uuids, flags, terminal)
    })
}

function acts(
  withStore: Shared['withStore'],
  parent: Command,
  name: string,
  description: string,
): Command {
  const command = parent.command(name).description(`${description}; a dry run without --yes`)
  return withFilter(withStore(command.argument('[uuids...]')))
    .option('--all', 'everything, where no condition is given (default: none)')
    .option('--yes', 'do it (default: say what would be done)')
    .option('--reason <why>', 'for the audit, needed with --yes (default: none)')
    .option('--actor <who>', 'for the audit (default: the user of this process)')
}

function withFilter(command: Command): Command {
  return command
    .option('--topic <topic>', 'only of this topic (default: all)')
    .option('--key <key>', 'only of this key (default: all)')
    .option('--error <text>', 'only with this error, in which * is any text (default: all)')
    .option('--from <time>', 'only since this time, in ISO 8601 (default: all)')
    .option('--to <time>', 'only before this time, in ISO 8601 (default: all)')
    .option('--json', 'as JSON, progress a line each (default: a short text)')
}
