import { writeFileSync } from 'node:fs'
import { join } from 'node:path'

import { freePort } from '../ports.ts'
import { type Address, type Server, startServer } from '../server.ts'
import { toxiproxyProgram } from './program.ts'

/** What is done to the bytes of one direction, in toxiproxy's own words. */
export interface Toxic {
  readonly type: 'latency' | 'bandwidth' | 'reset_peer' | 'timeout' | 'limit_data' | 'slicer'
  /** `downstream` is from the server to the client. */
  readonly stream: 'upstream' | 'downstream'
  readonly attributes: Readonly<Record<string, number>>
}

/** A stable address in front of a server. */
export interface Proxy extends Address {
  readonly name: string
  /** Sends new connections to another server and cuts those that are open. */
  point(to: Pick<Address, 'address'>): Promise<void>
  /** Cuts all connections and refuses new ones, as the machine of a dead server would. */
  shut(): Promise<void>
  /** Takes connections again. */
  reopen(): Promise<void>
  /** Does something to all connections, those that are open included, until it is taken back. */
  add(toxic: Toxic): Promise<AppliedToxic>
}

export interface AppliedToxic {
  /** May be called twice. */
  remove(): Promise<void>
}

export interface Toxiproxy extends Server {
  /** Opens an address that leads to a server. */
  open(name: string, to: Pick<Address, 'address'>): Promise<Proxy>
}

/**
 * Starts a toxiproxy of one's own.
 *
 * @example
 * await using toxiproxy = await startToxiproxy()
 * const proxy = await toxiproxy.open('postgres', server)
 */
export async function startToxiproxy(): Promise<Toxiproxy> {
  const command = await toxiproxyProgram()
  const server = await startServer({
    name: 'toxiproxy',
    portCount: 1,
    async prepare({ folder }) {
      writeFileSync(proxiesFile(folder), '[]')
    },
    launch: ({ host, port, folder }) => ({
      command,
      // A folder in its command line is how a stray server is recognised.
      args: ['-host', host, '-port', String(port), '-config', proxiesFile(folder)],
      env: { ...process.env, LOG_LEVEL: 'fatal' },
    }),
    ready: async ({ host, port }) => (await fetch(`http://${host}:${port}/version`)).ok,
    stopSignal: 'SIGTERM',
    discardSignal: 'SIGKILL',
  })
  const api = `http://${server.address}/proxies`
  return Object.assign(server, {
    open: (name: string, to: Pick<Address, 'address'>) => openProxy(api, name, to),
  })
}

function proxiesFile(folder: string): string {
  return join(folder, 'proxies.json')
}

async function openProxy(api: string, name: string, to: Pick<Address, 'address'>): Promise<Proxy> {
  const host = '127.0.0.1'
  const port = await freePort()
  const address = `${host}:${port}`
  await send('POST', api, { name, listen: address, upstream: to.address, enabled: true })
  const own = `${api}/${name}`
  let toxics = 0
  return {
    name,
    host,
    port,
    address,
    async point({ address: upstream }) {
      await send('PATCH', own, { upstream })
    },
    shut: () => send('PATCH', own, { enabled: false }),
    reopen: () => send('PATCH', own, { enabled: true }),
    async add(toxic) {
      toxics += 1
      const id = `toxic-${toxics}`
      await send('POST', `${own}/toxics`, { name: id, toxicity: 1, ...toxic })
      let removed: Promise<void> | undefined
      return {
        remove: () => (removed ??= send('DELETE', `${own}/toxics/${id}`)),
      }
    },
  }
}

async function send(method: string, url: string, body?: object): Promise<void> {
  const answer = await fetch(url, { method, ...(body && { body: JSON.stringify(body) }) })
  if (!answer.ok) throw new Error(`toxiproxy: ${answer.status} ${await answer.text()}`)
}
