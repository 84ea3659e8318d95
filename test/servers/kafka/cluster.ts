import { randomBytes } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'

import { copyFolder } from '../programs.ts'
import { type Address, type Place, type Recipe, type Server, startServer } from '../server.ts'
import { classArchive } from './class-archive.ts'
import { brokerProperties, controllerId, controllerProperties } from './cluster-properties.ts'
import { type KafkaProperties, serverProperties } from './properties.ts'
import { javaLauncher } from './recipe.ts'
import { clusterId, dataTemplate } from './template.ts'
import { acceptsConnections, knownBrokers, takeProducerId } from './wire.ts'

export interface KafkaClusterOptions {
  /** Where clients are sent instead of the brokers themselves: a proxy for each of the three. */
  readonly advertised?: readonly Address[]
  /** Server properties of the brokers beside, or in place of, our own. */
  readonly properties?: KafkaProperties
  /** The heap of each JVM. @defaultValue '512m' */
  readonly heap?: string
}

/** Three brokers, each of which can be killed, frozen and started alone, and their controller. */
export interface KafkaCluster extends AsyncDisposable {
  /** Their `address` is for clients, or for the proxies in front of them. */
  readonly brokers: readonly Server[]
  readonly controller: Server
  /** All brokers with nothing in between: for who judges. Its `address` is a list with commas. */
  readonly witness: Address
  /** Resolves when all three brokers run and know each other. */
  untilComplete(): Promise<void>
  /** Resolves when the others know that a broker is back. */
  untilServes(broker: Server): Promise<void>
}

export const brokerIds: readonly number[] = [1, 2, 3]

/**
 * Starts a Kafka of three brokers with three copies of everything.
 *
 * @example
 * await using cluster = await startKafkaCluster()
 * await cluster.brokers[0].kill()
 */
export async function startKafkaCluster(options: KafkaClusterOptions = {}): Promise<KafkaCluster> {
  await using started = new AsyncDisposableStack()
  const controller = started.use(await startServer(await controllerRecipe()))
  const recipes = await Promise.all(brokerIds.map((id) => brokerRecipe(id, controller, options)))
  // One after the other: what has started must be ended when another one can't.
  const brokers: Server[] = []
  for (const recipe of recipes) brokers.push(started.use(await startServer(recipe)))
  const untilServes = (broker: Server): Promise<void> => untilKnown(brokers, broker)
  const untilComplete = async (): Promise<void> => {
    await Promise.all(brokers.map(untilServes))
  }
  await untilComplete()
  const running = started.move()
  return {
    brokers,
    controller,
    witness: directAddress(brokers),
    untilServes,
    untilComplete,
    [Symbol.asyncDispose]: () => running.disposeAsync(),
  }
}

async function controllerRecipe(): Promise<Recipe> {
  return nodeRecipe(controllerId, {
    portCount: 1,
    heap: '256m',
    properties: (place) => controllerProperties(place),
    ready: acceptsConnections,
  })
}

async function brokerRecipe(
  id: number,
  controller: Server,
  options: KafkaClusterOptions,
): Promise<Recipe> {
  const advertised = options.advertised?.[id - 1]
  let isFresh = true
  return nodeRecipe(id, {
    portCount: 2,
    heap: options.heap ?? '512m',
    properties: (place) => ({
      ...brokerProperties(id, place, { controller, advertised }),
      ...options.properties,
    }),
    async ready(place) {
      if ((await knownBrokers(place)).length === 0) return false
      if (isFresh && !(await takeProducerId(place))) return false
      isFresh = false
      return true
    },
  })
}

interface Node {
  readonly portCount: number
  readonly heap: string
  properties(place: Place): KafkaProperties
  ready(place: Place): Promise<boolean>
}

async function nodeRecipe(id: number, node: Node): Promise<Recipe> {
  const flags = [`-XX:SharedArchiveFile=${await classArchive()}`]
  return {
    name: 'kafka',
    portCount: node.portCount,
    async prepare(place) {
      const { folder } = place
      const properties = node.properties(place)
      const layout = { authorizer: false, properties, listenOn: place.host, folder }
      writeFileSync(join(folder, 'server.properties'), serverProperties(place, layout))
      await copyFolder(await dataTemplate(), join(folder, 'data'))
      writeFileSync(join(folder, 'data', 'meta.properties'), identity(id))
    },
    launch: await javaLauncher({ heap: node.heap }, flags),
    ready: (place) => node.ready(place),
    stopSignal: 'SIGTERM',
    discardSignal: 'SIGKILL',
    // A broker that ends in order hands over what it leads first.
    graceMs: 20_000,
  }
}

/** Whose data a folder holds: the template is another node's. */
function identity(id: number): string {
  const directory = randomBytes(16).toString('base64url')
  return `version=1\ncluster.id=${clusterId}\nnode.id=${id}\ndirectory.id=${directory}\n`
}

/** A broker that was away may not know what the others know: that it counts for nothing by now. */
async function untilKnown(brokers: readonly Server[], broker: Server): Promise<void> {
  const id = brokerIds[brokers.indexOf(broker)] ?? 0
  const deadline = Date.now() + 120_000
  while (Date.now() < deadline) {
    // Others that are away themselves have no say.
    const known = await Promise.all(brokers.map((one) => knownBrokers(one).catch(() => undefined)))
    if (known[id - 1] && known.every((ids) => ids?.includes(id) ?? true)) return
    await setTimeout(20)
  }
  throw new Error(`The others do not take broker ${id} back\n${broker.log()}`)
}

function directAddress(brokers: readonly Server[]): Address {
  const [first] = brokers
  const address = brokers.map(({ host, ports }) => `${host}:${ports[1]}`).join(',')
  return { address, host: first?.host ?? '', port: first?.ports[1] ?? 0 }
}
