import { once } from 'node:events'
import { EventBus } from '../../bus/event-bus.ts'
import type { Logger } from '../../core/logger.ts'
import { OptionError } from '../../core/errors.ts'
import { oneOf } from '../../core/options.ts'
import { EXIT } from '../exit-codes.ts'
import { brokerFrom, storeFrom } from '../connections.ts'
import type { BrokerFlags, StoreFlags } from '../connections.ts'
import type { Terminal } from '../terminal.ts'

export interface RelayFlags extends StoreFlags, BrokerFlags {
  readonly batchSize?: string
  readonly maxRelays?: string
  readonly retention?: string
  readonly maxAttempts?: string
  readonly onExhausted?: string
}

/** `oncommit relay`: publishes until SIGINT or SIGTERM, then finishes what is in hand. */
export async function relay(flags: RelayFlags, terminal: Terminal): Promise<number> {
  const logger: Logger = {
    debug: () => {},
    info: (message) => terminal.note(message),
    warn: (message) => terminal.note(message),
    error: (message) => terminal.note(message),
  }
  await using bus = new EventBus({
    store: storeFrom(flags, terminal.environment),
    broker: brokerFrom(flags, terminal.environment),
    logger,
  })
  const stopped = Promise.race([once(process, 'SIGINT'), once(process, 'SIGTERM')])
  const starting = bus.startRelay({
    ...numeric('batchSize', '--batch-size', flags.batchSize),
    ...numeric('maxRelays', '--max-relays', flags.maxRelays),
    ...numeric('retentionSeconds', '--retention', flags.retention),
    refusals: {
      ...numeric('maxAttempts', '--max-attempts', flags.maxAttempts),
      ...(flags.onExhausted !== undefined && {
        onExhausted: oneOf('--on-exhausted', flags.onExhausted, ['block', 'dead']),
      }),
    },
  })
  // A database that does not answer must not hold a signal up.
  const running = await Promise.race([starting, stopped.then(() => null)])
  if (running === null) {
    starting.catch(() => {})
    return EXIT.done
  }
  terminal.note('oncommit: relay started')
  await stopped
  await running.stop()
  terminal.note(`oncommit: relay stopped, ${running.status.published} events published`)
  return EXIT.done
}

function numeric(name: string, flag: string, value: string | undefined): Record<string, number> {
  if (value === undefined) return {}
  const number = Number(value)
  if (value.trim() === '' || Number.isNaN(number)) throw new OptionError(flag, value, 'a number')
  return { [name]: number }
}
