import type { Proxy, Server } from '../../servers/index.ts'
import { type Fault, struck, wayTo } from './fault.ts'

export interface Victim {
  /** 'postgres', 'kafka-2' */
  readonly name: string
  /** Who plays the part now: after a failover it is another one. */
  current(): Server
  /** The way to it. A proxy takes connections in the name of a dead server, who could not. */
  readonly proxy: Proxy
  /** Resolves when its clients can work again. */
  usable(): Promise<void>
}

/** Ends the server as a crash would; it starts again, on its data, when the fault ends. */
export function killServer(victim: Victim): Fault {
  return {
    name: `${victim.name} SIGKILL`,
    targets: [victim.name],
    async strike() {
      const server = victim.current()
      const { pid } = server
      await server.kill()
      await victim.proxy.shut()
      return struck(`process ${pid}`, async () => {
        await server.restart()
        await victim.proxy.reopen()
        await victim.usable()
      })
    },
  }
}

/** Stops the server's clock: its connections stay open, and nothing answers. */
export function freezeServer(victim: Victim): Fault {
  return {
    name: `${victim.name} SIGSTOP`,
    // Nobody can change the way to one who takes nothing from it.
    targets: [victim.name, wayTo(victim.name)],
    async strike() {
      const server = victim.current()
      await server.freeze()
      return struck(`process ${server.pid}`, async () => {
        await server.thaw()
        await victim.usable()
      })
    },
  }
}
