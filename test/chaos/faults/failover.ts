import type { ChaosServers } from './servers.ts'
import { type Fault, struck } from './fault.ts'

/**
 * The primary dies for good, and the address that clients have leads to the standby. Whoever
 * decides on that has to know that the standby lacks nothing, as a manager of clusters does: it is
 * waited for. Commits wait until there is a new standby, which is when the fault ends.
 */
export function failOver({ postgres, proxies }: Pick<ChaosServers, 'postgres' | 'proxies'>): Fault {
  return {
    name: 'postgres: failover to the standby',
    targets: ['postgres'],
    async strike() {
      await postgres.untilSynchronous()
      const { pid } = postgres.primary
      const before = performance.now()
      await proxies.postgres.shut()
      await postgres.failOver()
      await proxies.postgres.point(postgres.primary)
      await proxies.postgres.reopen()
      const ms = Math.round(performance.now() - before)
      return struck(`process ${pid} killed, its standby in its place after ${ms} ms`, () =>
        postgres.renewStandby(),
      )
    },
  }
}
