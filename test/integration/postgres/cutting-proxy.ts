import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net'

/** `before`: COMMIT never reaches the server. `after`: it has committed, and its answer is lost. */
export type Cut = 'before' | 'after'

const COMMIT = /(?<![a-z_])commit(?![a-z_])/i

/** Passes on what a client and PostgreSQL say to each other, and cuts a connection exactly at a COMMIT. */
export class CuttingProxy implements AsyncDisposable {
  readonly #server: Server
  readonly #upstream: { readonly host: string; readonly port: number }
  readonly #sockets = new Set<Socket>()
  #next: Cut | null = null

  private constructor(upstream: { readonly host: string; readonly port: number }) {
    this.#upstream = upstream
    this.#server = createServer((client) => this.#pass(client))
  }

  static async start(upstream: {
    readonly host: string
    readonly port: number
  }): Promise<CuttingProxy> {
    const proxy = new CuttingProxy(upstream)
    proxy.#server.listen(0, '127.0.0.1')
    await once(proxy.#server, 'listening')
    return proxy
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port
  }

  /** Whether a cut that was asked for is still to come. */
  get isArmed(): boolean {
    return this.#next !== null
  }

  cutAtNextCommit(cut: Cut): void {
    this.#next = cut
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const socket of this.#sockets) socket.destroy()
    this.#server.close()
    await once(this.#server, 'close')
  }

  #pass(client: Socket): void {
    const server = connect(this.#upstream)
    const cut = (): void => {
      client.destroy()
      server.destroy()
    }
    for (const socket of [client, server]) {
      this.#sockets.add(socket)
      socket.on('error', cut)
      socket.on('close', () => {
        this.#sockets.delete(socket)
        cut()
      })
    }
    let isCommitting = false
    client.on('data', (bytes) => {
      if (this.#next !== null && COMMIT.test(bytes.toString('latin1'))) {
        isCommitting = this.#next === 'after'
        this.#next = null
        if (!isCommitting) return cut()
      }
      server.write(bytes)
    })
    server.on('data', (bytes) => {
      // Before it, a driver may have been answered that the statement can be executed.
      if (isCommitting && bytes.includes('COMMIT\0')) cut()
      else client.write(bytes)
    })
  }
}
