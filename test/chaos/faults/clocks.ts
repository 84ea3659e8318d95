import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'

import {
  type PostgresPair,
  type Server,
  type SteppableClock,
  connectSoon,
  steppableClock,
} from '../../servers/index.ts'
import { type Fault, struck } from './fault.ts'

const hour = 3_600

/** Sets the wall clock of a process an hour forward or back, and in the end back to the true time. */
export function stepClock(name: string, clock: SteppableClock): Fault {
  return {
    name: `${name}: clock stepped`,
    targets: [`${name} clock`],
    async strike(random) {
      const seconds = random() < 0.5 ? -hour : hour
      clock.set(seconds)
      return struck(`${seconds} s`, async () => {
        clock.set(0)
      })
    },
  }
}

/** The clock that all leases and due times are read from. */
export function stepClockOfPostgres(postgres: PostgresPair, faketime: string): Fault {
  return {
    name: 'postgres: clock stepped',
    targets: ['postgres'],
    async strike(random) {
      const { primary } = postgres
      const clock = clockOf(primary, faketime)
      const step = await stepClock('postgres', clock).strike(random)
      await untilClockIs(primary, Number.parseInt(step.detail, 10))
      return struck(step.detail, async () => {
        if (!existsSync(primary.folder)) return
        await step.heal()
        await untilClockIs(primary, 0)
      })
    },
  }
}

/** Each server has its own, which goes on with it through kills and restarts. */
export function clockOf(server: Pick<Server, 'folder'>, faketime: string): SteppableClock {
  return steppableClock(faketime, join(server.folder, 'clock'))
}

async function untilClockIs(server: Server, seconds: number): Promise<void> {
  for (;;) {
    await using connection = await connectSoon(server)
    const { rows } = await connection.query('select extract(epoch from clock_timestamp()) as now')
    const ahead = Number(rows[0]?.['now']) - Date.now() / 1_000
    if (Math.abs(ahead - seconds) < 60) return
    await setTimeout(20)
  }
}
