import { readFileSync } from 'node:fs'
import { join } from 'node:path'

import { Command } from 'commander'
import { reasonOf } from '../core/errors.ts'
import { migrate } from './commands/migrate.ts'
import type { MigrateFlags } from './commands/migrate.ts'
import { relay } from './commands/relay.ts'
import type { RelayFlags } from './commands/relay.ts'
import { status } from './commands/status.ts'
import type { StatusFlags } from './commands/status.ts'
import { tail } from './commands/tail.ts'
import type { TailFlags } from './commands/tail.ts'
import { why } from './commands/why.ts'
import type { WhyFlags } from './commands/why.ts'
import { exitCodeOf } from './exit-codes.ts'
import { addBlockedCommands, addDeadCommands } from './operator-commands.ts'
import { processTerminal as terminal } from './terminal.ts'

/** Runs the command line's command; its exit code is the process's. */
export async function runCommandLine(): Promise<void> {
  try {
    await commands().parseAsync()
  } catch (error) {
    terminal.note(`oncommit: ${reasonOf(error)}`)
    process.exitCode = exitCodeOf(error)
  }
}

function commands(): Command {
  const program = new Command('oncommit')
    .description('A transactional outbox event bus.')
    .version(packageVersion(), '--version', 'print the version of the package')
    .exitOverride((error) => {
      process.exit(error.exitCode === 0 ? 0 : 2)
    })

  withStore(program.command('migrate').description('make or change the tables'))
    .option('--print', 'print the SQL for PostgreSQL instead of running it (default: run it)')
    .option('--from <version>', 'with --print: only what comes after this version (default: 0)')
    .action(async (flags: MigrateFlags) => {
      process.exitCode = await migrate(flags, terminal)
    })

  withBroker(
    withStore(program.command('relay').description('publish committed events until stopped')),
  )
    .option('--guarantee <guarantee>', 'exactly-once or at-least-once (default: exactly-once)')
    .option('--batch-size <events>', 'most events of one batch (default: 1000)')
    .option('--max-relays <relays>', 'relays that work at once (default: 4)')
    .option('--retention <seconds>', 'forget published events after this (default: 604800)')
    .option('--max-attempts <tries>', 'tries of an event that is refused (default: 10)')
    .option(
      '--on-exhausted <fate>',
      'block or dead, of what is refused for good (default: block, dead without a key)',
    )
    .action(async (flags: RelayFlags) => {
      process.exitCode = await relay(flags, terminal)
    })

  withBroker(
    program
      .command('tail')
      .description('print the events of a topic until stopped, without a consumer group')
      .argument('<topic>'),
  )
    .option('--from <start>', 'earliest, latest, or a time in ISO 8601 (default: latest)')
    .option('--count <events>', 'end after so many (default: never)')
    .option('--json', 'print all of an event, as JSON (default: a short line)')
    .action(async (topic: string, flags: TailFlags) => {
      process.exitCode = await tail(topic, flags, terminal)
    })

  withStore(program.command('why').description('say what became of an event').argument('<uuid>'))
    .option('--json', 'print the explanation as JSON (default: a short text)')
    .action(async (uuid: string, flags: WhyFlags) => {
      process.exitCode = await why(uuid, flags, terminal)
    })

  withStore(program.command('status').description('say how the outbox does'))
    .option('--json', 'print the status as JSON (default: a short text)')
    .option('--check', 'print the first sentence only, for cron and probes (default: all of it)')
    .option('--watch', 'print it again each second until stopped (default: once)')
    .option('--max-age <time>', 'unhealthy where an event has waited longer (default: 60s)')
    .option('--max-dead <events>', 'unhealthy where more are dead (default: 0)')
    .action(async (flags: StatusFlags) => {
      process.exitCode = await status(flags, terminal)
    })

  addDeadCommands(program, { terminal, withStore })
  addBlockedCommands(program, { terminal, withStore })
  return program
}

function withStore(command: Command): Command {
  return command
    .option('--url <url>', 'postgres://… or sqlite:FILE (default: DATABASE_URL)')
    .option(
      '--direct-url <url>',
      'the database without a transaction pooler in between (default: --url)',
    )
    .option('--schema <name>', 'the schema of the tables (default: oncommit)')
}

function withBroker(command: Command): Command {
  return command
    .option('--kafka <brokers>', 'host:port, several with commas (default: KAFKA_BROKERS)')
    .option('--local <file>', 'a local broker in this file instead of Kafka (default: none)')
}

function packageVersion(): string {
  // As far from here in the sources as in what is published.
  const file = readFileSync(join(import.meta.dirname, '../../package.json'), 'utf8')
  return (JSON.parse(file) as { version: string }).version
}
