import { once } from 'node:events'
import { type Socket, connect } from 'node:net'
import { setTimeout } from 'node:timers/promises'

import type { Address } from '../server.ts'

// Two requests of Kafka's protocol, so that no client stands between a start and the test.
const metadataRequest = 3
const initProducerIdRequest = 22
const noError = 0

/** The ids of the brokers that take requests, itself included, as a node knows them. */
export async function knownBrokers(server: Pick<Address, 'host' | 'port'>): Promise<number[]> {
  const noTopics = Buffer.from([0, 0, 0, 0])
  const answer = await request(server, { key: metadataRequest, version: 1, body: noTopics })
  const ids: number[] = []
  let at = 4
  for (let left = answer.readInt32BE(0); left > 0; left -= 1) {
    ids.push(answer.readInt32BE(at))
    at += 4 // the id
    at += 2 + answer.readInt16BE(at) // the host
    at += 4 // the port
    at += 2 + Math.max(0, answer.readInt16BE(at)) // the rack, or -1 for none
  }
  return ids
}

/** Says whether anybody listens: all that a controller tells to one who isn't a node. */
export async function acceptsConnections({
  host,
  port,
}: Pick<Address, 'host' | 'port'>): Promise<boolean> {
  const socket = connect(port, host)
  try {
    await once(socket, 'connect')
    return true
  } finally {
    socket.destroy()
  }
}

/**
 * Takes a producer id. The first one of a cluster is 0, which no real cluster gives to anybody
 * again, and with which requests that leave the id out seem to work.
 */
export async function takeProducerId(server: Pick<Address, 'host' | 'port'>): Promise<boolean> {
  const body = Buffer.alloc(6)
  body.writeInt16BE(-1, 0) // no transactional id
  body.writeInt32BE(60_000, 2)
  const answer = await request(server, { key: initProducerIdRequest, version: 0, body })
  const error = answer.readInt16BE(4) // behind the throttle time
  return error === noError
}

interface Request {
  readonly key: number
  readonly version: number
  readonly body: Buffer
}

/** Sends one request on a connection of its own and returns the body of the answer. */
async function request(
  { host, port }: Pick<Address, 'host' | 'port'>,
  { key, version, body }: Request,
): Promise<Buffer> {
  const header = Buffer.alloc(14)
  header.writeInt32BE(10 + body.length, 0)
  header.writeInt16BE(key, 4)
  header.writeInt16BE(version, 6)
  header.writeInt32BE(1, 8) // correlation
  header.writeInt16BE(-1, 12) // no client id
  const socket = connect(port, host)
  const late = new AbortController()
  try {
    // Not its end: a proxy on the way would take that for the end of the answer too.
    socket.write(Buffer.concat([header, body]))
    return await Promise.race([readAnswer(socket), tooLate(late.signal)])
  } finally {
    late.abort()
    socket.destroy()
  }
}

async function tooLate(signal: AbortSignal): Promise<never> {
  await setTimeout(5_000, undefined, { signal })
  throw new Error('no answer within 5 s')
}

async function readAnswer(socket: Socket): Promise<Buffer> {
  await once(socket, 'connect')
  let received = Buffer.alloc(0)
  for await (const chunk of socket as AsyncIterable<Buffer>) {
    received = Buffer.concat([received, chunk])
    if (received.length >= 4 && received.length >= 4 + received.readInt32BE(0)) {
      return received.subarray(8) // length and correlation
    }
  }
  throw new Error('the connection was closed without an answer')
}
