import { PeerMissingError } from '../../core/errors.ts'

/** Where a broker listens. */
export interface BrokerAddress {
  readonly host: string
  readonly port: number
}

/** One socket to one broker, as `@platformatic/kafka` has it. */
export interface NodeConnection {
  readonly socket: { destroy(): unknown } | undefined
  on(event: 'error', listener: (error: Error) => void): unknown
  send(
    apiKey: number,
    apiVersion: number,
    createPayload: () => RequestWriter,
    parser: unknown,
    requestTags: boolean,
    responseTags: boolean,
    callback: (error: Error | null, response: never) => void,
  ): void
}

/** Writes the bytes of a request. */
export interface RequestWriter {
  append(buffer: Buffer): RequestWriter
  readonly dynamicBuffer: object
}

/** A pool of connections, one per broker. */
export interface ConnectionPool extends Iterable<[string, NodeConnection]> {
  get(broker: BrokerAddress): Promise<NodeConnection>
  getFirstAvailable(brokers: readonly BrokerAddress[]): Promise<NodeConnection>
  on(event: 'connecting', listener: (event: { connection: NodeConnection }) => void): unknown
  close(): Promise<void>
}

/** One version of one request of Kafka's protocol. */
export interface KafkaApi<Args extends readonly unknown[], Response> {
  readonly key: number
  readonly version: number
  async(connection: NodeConnection, ...args: Args): Promise<Response>
}

interface MetadataPartition {
  readonly errorCode: number
  readonly partitionIndex: number
  readonly leaderId: number
}

export interface MetadataResponse {
  readonly brokers: readonly (BrokerAddress & { readonly nodeId: number })[]
  readonly topics: readonly {
    readonly errorCode: number
    readonly name: string
    readonly topicId: string
    readonly partitions: readonly MetadataPartition[]
    readonly topicAuthorizedOperations: number
  }[]
}

export interface ProducePartitionResponse {
  readonly index: number
  readonly errorCode: number
  readonly baseOffset: bigint
  readonly recordErrors: readonly {
    readonly batchIndex: number
    readonly batchIndexErrorMessage: string | null
  }[]
  readonly errorMessage: string | null
}

export interface ProduceResponse {
  readonly responses: readonly {
    readonly name: string
    readonly partitionResponses: readonly ProducePartitionResponse[]
  }[]
}

export interface AddPartitionsResponse {
  readonly resultsByTransaction: readonly {
    readonly topicResults: readonly {
      readonly name: string
      readonly resultsByPartition: readonly { readonly partitionErrorCode: number }[]
    }[]
  }[]
}

interface DescribeProducersResponse {
  readonly topics: readonly {
    readonly name: string
    readonly partitions: readonly {
      readonly partitionIndex: number
      readonly errorCode: number
      readonly activeProducers: readonly {
        readonly producerId: bigint
        /** -1 where it has no transaction open on this partition. */
        readonly currentTxnStartOffset: bigint
      }[]
    }[]
  }[]
}

export interface FetchedBatch {
  readonly firstOffset: bigint
  readonly lastOffsetDelta: number
  readonly attributes: number
  readonly producerId: bigint
  readonly records: readonly { readonly key: Buffer | null; readonly value: Buffer | null }[]
}

interface FetchResponse {
  readonly responses: readonly {
    readonly partitions: readonly {
      readonly errorCode: number
      readonly records?: readonly FetchedBatch[] | null
    }[]
  }[]
}

type FetchArgs = readonly [
  maxWaitMs: number,
  minBytes: number,
  maxBytes: number,
  isolationLevel: number,
  sessionId: number,
  sessionEpoch: number,
  topics: readonly {
    readonly topicId: string
    readonly partitions: readonly {
      readonly partition: number
      readonly currentLeaderEpoch: number
      readonly fetchOffset: bigint
      readonly lastFetchedEpoch: number
      readonly partitionMaxBytes: number
    }[]
  }[],
  forgotten: readonly never[],
  rackId: string,
]

interface ApiModule<Args extends readonly unknown[], Response> {
  readonly api: KafkaApi<Args, Response>
}

/** What of `@platformatic/kafka` the publishing side uses. */
export interface KafkaPeer {
  readonly ConnectionPool: new (clientId: string, options: object) => ConnectionPool
  readonly Writer: { create(): RequestWriter }
  readonly crc32c: (data: object) => number
  readonly parseBroker: (broker: string, defaultPort: number) => BrokerAddress
  readonly compressionsAlgorithms: Readonly<
    Record<string, { readonly bitmask: number; compressSync(data: Buffer): Buffer }>
  >
  readonly metadataV12: ApiModule<
    [topics: readonly string[], autoCreate: boolean, withOperations: boolean],
    MetadataResponse
  >
  readonly findCoordinatorV4: ApiModule<
    [keyType: number, keys: readonly string[]],
    { readonly coordinators: readonly (BrokerAddress & { readonly nodeId: number })[] }
  >
  readonly initProducerIdV4: ApiModule<
    [transactionalId: string | null, timeoutMs: number, producerId: bigint, epoch: number],
    { readonly producerId: bigint; readonly producerEpoch: number }
  >
  readonly addPartitionsToTxnV3: ApiModule<
    [
      transactions: readonly {
        readonly transactionalId: string
        readonly producerId: bigint
        readonly producerEpoch: number
        readonly topics: readonly {
          readonly name: string
          readonly partitions: readonly number[]
        }[]
      }[],
    ],
    AddPartitionsResponse
  >
  readonly endTxnV3: ApiModule<
    [transactionalId: string, producerId: bigint, epoch: number, commit: boolean],
    unknown
  >
  readonly describeTransactionsV0: ApiModule<
    [transactionalIds: readonly string[]],
    {
      readonly transactionStates: readonly {
        readonly transactionState: string
        readonly producerId: bigint
      }[]
    }
  >
  readonly describeProducersV0: ApiModule<
    [topics: readonly { readonly name: string; readonly partitionIndexes: readonly number[] }[]],
    DescribeProducersResponse
  >
  readonly produceV9: { readonly parseResponse: unknown }
  readonly listOffsetsV6: ApiModule<
    [
      replica: number,
      isolationLevel: number,
      topics: readonly {
        readonly name: string
        readonly partitions: readonly {
          readonly partitionIndex: number
          readonly currentLeaderEpoch: number
          readonly timestamp: bigint
        }[]
      }[],
    ],
    {
      readonly topics: readonly { readonly partitions: readonly { readonly offset: bigint }[] }[]
    }
  >
  readonly fetchV13: ApiModule<FetchArgs, FetchResponse>
  readonly createTopicsV5: ApiModule<
    [
      topics: readonly {
        readonly name: string
        readonly numPartitions: number
        readonly replicationFactor: number
        readonly assignments: readonly never[]
        readonly configs: readonly { readonly name: string; readonly value: string }[]
      }[],
      timeoutMs: number,
      validateOnly: boolean,
    ],
    unknown
  >
}

/** How clients of one broker are made: both sides of the adapter start from it. */
export interface KafkaConnection {
  readonly clientId: string
  /** Settings of any client of the peer: brokers, sasl, tls, timeouts and what the user passed through. */
  readonly clientOptions: Readonly<Record<string, unknown>> & {
    readonly bootstrapBrokers: readonly string[]
  }
}

/**
 * The peer, loaded at first use. A side that needs more of it than `KafkaPeer` names its own type.
 * Throws a `PeerMissingError` where the package is not installed.
 */
export async function loadKafka<Peer = KafkaPeer>(): Promise<Peer> {
  try {
    return (await import('@platformatic/kafka')) as unknown as Peer
  } catch (error) {
    if ((error as { code?: unknown }).code !== 'ERR_MODULE_NOT_FOUND') throw error
    throw new PeerMissingError('oncommit/kafka', '@platformatic/kafka', { cause: error })
  }
}
