import { once } from 'node:events'
import { type AddressInfo, type Server, type Socket, connect, createServer } from 'node:net'

/** Requests of Kafka's protocol by their number. */
export const API = {
  produce: 0,
  initProducerId: 22,
  addPartitions: 24,
  endTransaction: 26,
  describeProducers: 61,
} as const

interface Rule {
  readonly apiKey: number
  /** Loses the answer, or keeps the request itself back. */
  readonly what: 'lose the answer' | 'hold the request'
  readonly happened: PromiseWithResolvers<void>
}

/** Stands between a client and a broker and does to single requests what networks do to them. */
export class Proxy implements AsyncDisposable {
  readonly #server: Server
  readonly #sockets = new Set<Socket>()
  #target = 0
  #rule: Rule | undefined
  #held: { readonly upstream: Socket; readonly bytes: Buffer } | undefined

  private constructor(server: Server) {
    this.#server = server
    server.on('connection', (client) => this.#serve(client))
  }

  static async listen(): Promise<Proxy> {
    const server = createServer()
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    return new Proxy(server)
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port
  }

  forwardTo(port: number): void {
    this.#target = port
  }

  /** The broker gets the next request of this kind; its answer is lost with the connection. */
  async loseAnswerTo(apiKey: number): Promise<void> {
    await this.#expect(apiKey, 'lose the answer')
  }

  /** The next request of this kind is kept back while the client loses the connection. */
  async hold(apiKey: number): Promise<void> {
    await this.#expect(apiKey, 'hold the request')
  }

  /** Gives the broker what was held back, and waits until the broker has dealt with it. */
  async release(): Promise<void> {
    const held = this.#held
    if (held === undefined) throw new Error('nothing is held')
    const dealt = Promise.race([once(held.upstream, 'data'), once(held.upstream, 'close')])
    held.upstream.write(held.bytes)
    await dealt
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const socket of this.#sockets) socket.destroy()
    const closed = once(this.#server, 'close')
    this.#server.close()
    await closed
  }

  async #expect(apiKey: number, what: Rule['what']): Promise<void> {
    const happened = Promise.withResolvers<void>()
    this.#rule = { apiKey, what, happened }
    await happened.promise
  }

  #serve(client: Socket): void {
    const upstream = connect(this.#target, '127.0.0.1')
    for (const socket of [client, upstream]) {
      this.#sockets.add(socket)
      socket.on('error', () => {})
      socket.on('close', () => this.#sockets.delete(socket))
    }
    let losing: Rule | undefined
    client.on('data', (bytes: Buffer) => {
      const rule = this.#rule
      // The client writes each request by itself, and waits for its answer.
      if (rule !== undefined && bytes.length > 6 && bytes.readInt16BE(4) === rule.apiKey) {
        this.#rule = undefined
        if (rule.what === 'hold the request') {
          this.#held = { upstream, bytes }
          client.destroy()
          rule.happened.resolve()
          return
        }
        losing = rule
      }
      upstream.write(bytes)
    })
    upstream.on('data', (bytes: Buffer) => {
      if (losing === undefined) {
        client.write(bytes)
        return
      }
      client.destroy()
      upstream.destroy()
      losing.happened.resolve()
    })
    client.on('close', () => {
      if (this.#held?.upstream !== upstream) upstream.destroy()
    })
    upstream.on('close', () => client.destroy())
  }
}
