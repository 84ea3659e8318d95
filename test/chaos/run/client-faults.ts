import { type Fault, struck } from '../faults/fault.ts'
import type { Client, Role } from './client.ts'

const ROLES: readonly Role[] = ['producer', 'relay', 'consumer']

/** What can happen to the clients of a run, wherever their servers are. */
export function clientFaults(clients: readonly Client[]): Fault[] {
  return ROLES.flatMap((role) => {
    const ofRole = clients.filter((client) => client.role === role)
    return [killClient(role, ofRole), freezeClient(role, ofRole)]
  })
}

function killClient(role: Role, clients: readonly Client[]): Fault {
  return {
    name: `${role} SIGKILL`,
    targets: [role],
    async strike(random) {
      const client = oneOf(clients, random)
      const detail = `${client.name}, process ${client.pid}`
      await client.kill()
      return struck(detail, () => client.start())
    },
  }
}

/** Its connections stay open, and it does nothing, until it wakes up in the middle of what it did. */
function freezeClient(role: Role, clients: readonly Client[]): Fault {
  return {
    name: `${role} SIGSTOP`,
    targets: [role],
    strike(random) {
      const client = oneOf(clients, random)
      client.freeze()
      const thaw = async (): Promise<void> => client.thaw()
      return Promise.resolve(struck(`${client.name}, process ${client.pid}`, thaw))
    },
  }
}

function oneOf(clients: readonly Client[], random: () => number): Client {
  return clients[Math.floor(random() * clients.length)] as Client
}
