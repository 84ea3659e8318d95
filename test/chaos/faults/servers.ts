import {
  type Address,
  type KafkaCluster,
  type PostgresOptions,
  type PostgresPair,
  type Proxy,
  findFaketime,
  startKafkaCluster,
  startPostgresPair,
  startToxiproxy,
  whyNoDisk,
} from '../../servers/index.ts'
import { clockOf } from './clocks.ts'
import { diskSize } from './disk.ts'

/** What a run of chaos works on, and what it harms. */
export interface ChaosServers extends AsyncDisposable {
  /** Addresses for those who are under test: everything may happen on the way. */
  readonly clients: {
    /** The same one through all failovers. */
    readonly postgres: Address
    /** `address` is a list with commas. */
    readonly kafka: Address
  }
  /** Addresses for those who judge: nothing lies in between, and nobody cuts them. */
  readonly witness: {
    /** Who takes writes now: another one after each failover. */
    readonly postgres: Address
    /** `address` is a list with commas. */
    readonly kafka: Address
  }
  /** What this machine can't do, and why: these faults are not among those of the run. */
  readonly leftOut: readonly LeftOut[]
  /** The path of libfaketime, for the clocks of clients too. */
  readonly faketime: string | undefined
  readonly postgres: PostgresPair
  readonly kafka: KafkaCluster
  readonly proxies: {
    readonly postgres: Proxy
    /** One for each broker. */
    readonly kafka: readonly Proxy[]
  }
}

export interface LeftOut {
  readonly what: 'clocks' | 'disk'
  readonly why: string
}

const nowhere = { address: '127.0.0.1:1' }

/**
 * Starts a PostgreSQL with a synchronous standby, a Kafka of three brokers, and a toxiproxy in
 * front of each.
 *
 * @example
 * await using servers = await startChaosServers()
 * const faults = serverFaults(servers)
 */
export async function startChaosServers(): Promise<ChaosServers> {
  await using started = new AsyncDisposableStack()
  const toxiproxy = started.use(await startToxiproxy())
  const { leftOut, faketime } = await lookAround()
  const postgres = started.use(await startPostgresPair(harmable(leftOut, faketime)))
  const toPostgres = await toxiproxy.open('postgres', postgres.primary)
  // Brokers tell their clients where they are, and have to know it when they start.
  const toKafka: Proxy[] = []
  for (const id of [1, 2, 3]) toKafka.push(await toxiproxy.open(`kafka-${id}`, nowhere))
  const kafka = started.use(await startKafkaCluster({ advertised: toKafka }))
  for (const [at, broker] of kafka.brokers.entries()) await toKafka[at]?.point(broker)
  const running = started.move()
  return {
    clients: { postgres: toPostgres, kafka: listOf(toKafka) },
    witness: {
      get postgres() {
        return postgres.primary
      },
      kafka: kafka.witness,
    },
    leftOut,
    faketime,
    postgres,
    kafka,
    proxies: { postgres: toPostgres, kafka: toKafka },
    [Symbol.asyncDispose]: () => running.disposeAsync(),
  }
}

async function lookAround(): Promise<Pick<ChaosServers, 'leftOut' | 'faketime'>> {
  const leftOut: LeftOut[] = []
  const found = await findFaketime()
  if (typeof found !== 'string') leftOut.push({ what: 'clocks', why: found.missing })
  const whyNot = whyNoDisk()
  if (whyNot !== undefined) leftOut.push({ what: 'disk', why: whyNot })
  return { leftOut, faketime: typeof found === 'string' ? found : undefined }
}

/** A PostgreSQL with a clock and a disk of its own, where these can be had. */
function harmable(leftOut: readonly LeftOut[], faketime: string | undefined): PostgresOptions {
  return {
    ...(faketime !== undefined && { env: (place) => clockOf(place, faketime).env }),
    ...(leftOut.every(({ what }) => what !== 'disk') && { diskSize }),
  }
}

function listOf(proxies: readonly Proxy[]): Address {
  const [first] = proxies
  const address = proxies.map((proxy) => proxy.address).join(',')
  return { address, host: first?.host ?? '', port: first?.port ?? 0 }
}
