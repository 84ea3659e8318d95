import {
  type Address,
  type KafkaCluster,
  type PostgresPair,
  type Proxy,
  startKafkaCluster,
  startPostgresPair,
  startToxiproxy,
} from '../../servers/index.ts'

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
  readonly postgres: PostgresPair
  readonly kafka: KafkaCluster
  readonly proxies: {
    readonly postgres: Proxy
    /** One for each broker. */
    readonly kafka: readonly Proxy[]
  }
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
  const postgres = started.use(await startPostgresPair())
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
    postgres,
    kafka,
    proxies: { postgres: toPostgres, kafka: toKafka },
    [Symbol.asyncDispose]: () => running.disposeAsync(),
  }
}

function listOf(proxies: readonly Proxy[]): Address {
  const [first] = proxies
  const address = proxies.map((proxy) => proxy.address).join(',')
  return { address, host: first?.host ?? '', port: first?.port ?? 0 }
}
