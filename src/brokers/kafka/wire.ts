import type { LogRecord } from '../../core/codec.ts'
import type { BrokerAddress } from './kafka-client.ts'

/**
 * What the reading side uses of `@platformatic/kafka`: its connections and its requests, one by
 * one. Its `Consumer` can't carry our promises: it commits, rejoins and filters on its own.
 */
export interface KafkaWire {
  readonly ConnectionPool: new (clientId: string, options: object) => Pool
  readonly ResponseError: new (
    apiKey: number,
    version: number,
    errors: Readonly<Record<string, readonly [code: number, message: null]>>,
    answer: unknown,
  ) => Error
  readonly UnsupportedCompressionError: new (message: string) => Error
  readonly compressionsAlgorithmsByBitmask: Readonly<
    Record<number, { decompressSync(bytes: Buffer): Buffer } | undefined>
  >
  parseBroker(broker: string, defaultPort: number): BrokerAddress
  encodeConsumerProtocolSubscription(data: {
    version: number
    topics: readonly string[]
    userData: Buffer | null
  }): Buffer
  decodeConsumerProtocolSubscription(data: Buffer): { topics: string[] }
  encodeConsumerProtocolAssignment(data: {
    version: number
    assignedPartitions: readonly TopicPartitions[]
  }): Buffer
  decodeConsumerProtocolAssignment(data: Buffer): { assignedPartitions: TopicPartitions[] }
}

export interface TopicPartitions {
  readonly topic: string
  readonly partitions: number[]
}

/** Connections by address, made at first use. */
export interface Pool {
  get(broker: BrokerAddress): Promise<Connection>
  getFirstAvailable(brokers: readonly BrokerAddress[]): Promise<Connection>
  on(event: 'connecting', listener: (event: { connection: Connection }) => void): unknown
  close(): Promise<unknown>
}

export interface Connection {
  on(event: 'error', listener: () => void): unknown
  send(apiKey: number, version: number, createPayload: () => unknown, ...rest: SendRest): unknown
}

type SendRest = [
  parse: unknown,
  requestIsTagged: boolean,
  responseIsTagged: boolean,
  callback: (error: unknown, answer: unknown) => void,
]

/** The client's reader of an answer. `buffer` may lie in several pieces, which `slice` joins. */
export interface AnswerReader {
  readonly position: number
  readonly buffer: { slice(start: number, end: number): Buffer }
  skip(bytes: number): unknown
  readInt16(): number
  readInt32(): number
  readInt64(): bigint
  readUnsignedVarInt(): number
  readString(isCompact: boolean): string
  readUUID(): string
  readArray<T>(read: (own: AnswerReader) => T, isCompact: boolean, isTagged: boolean): T[]
  readNullableArray<T>(
    read: (own: AnswerReader) => T,
    isCompact: boolean,
    isTagged: boolean,
  ): T[] | null
}

/** One version of one request. */
export interface Api {
  readonly version: number
  async(connection: Pick<Connection, 'send'>, ...args: readonly unknown[]): Promise<unknown>
}

/** Requests by the protocol's name: what each takes, in the client's order, and what it answers. */
export interface Requests {
  ApiVersions: {
    args: [software: string, version: string]
    answer: { apiKeys: readonly ApiRange[] }
  }
  Metadata: {
    args: [topics: readonly string[], autoCreate: boolean, operations: boolean]
    answer: MetadataAnswer
  }
  FindCoordinator: {
    args: [keyType: number, keys: readonly string[]]
    answer: { coordinators: readonly ({ nodeId: number } & BrokerAddress)[] }
  }
  ListOffsets: {
    args: [replica: number, isolation: number, topics: readonly ListOffsetsTopic[]]
    answer: ListOffsetsAnswer
  }
  Fetch: {
    args: [
      ...[maxWaitMs: number, minBytes: number, maxBytes: number, isolation: number],
      ...[sessionId: number, sessionEpoch: number],
      ...[topics: readonly FetchTopic[], forgotten: readonly never[], rack: string],
    ]
    answer: FetchAnswer
  }
  JoinGroup: {
    args: [
      ...[group: string, sessionTimeoutMs: number, rebalanceTimeoutMs: number, memberId: string],
      ...[instanceId: null, protocolType: string],
      ...[protocols: readonly { name: string; metadata: Buffer }[], reason: string],
    ]
    answer: JoinAnswer
  }
  SyncGroup: {
    args: [
      ...[group: string, generation: number, memberId: string, instanceId: null],
      ...[protocolType: string, protocolName: string | null],
      assignments: readonly { memberId: string; assignment: Buffer }[],
    ]
    answer: { assignment: Buffer }
  }
  Heartbeat: {
    args: [group: string, generation: number, memberId: string, instanceId: null]
    answer: unknown
  }
  ConsumerGroupHeartbeat: {
    args: [
      ...[group: string, memberId: string, memberEpoch: number, instanceId: null, rack: null],
      ...[rebalanceTimeoutMs: number, topics: readonly string[], topicPattern: null],
      ...[assignor: null, owned: readonly TopicIdPartitions[]],
    ]
    answer: ConsumerGroupAnswer
  }
  LeaveGroup: {
    args: [group: string, members: readonly { memberId: string }[]]
    answer: unknown
  }
  OffsetCommit: {
    args: [
      ...[group: string, generation: number, memberId: string, instanceId: null],
      topics: readonly OffsetCommitTopic[],
    ]
    answer: unknown
  }
  OffsetFetch: {
    args: [groups: readonly OffsetFetchGroup[], requireStable: boolean]
    answer: OffsetFetchAnswer
  }
}

export interface ApiRange {
  readonly name: string
  readonly minVersion: number
  readonly maxVersion: number
}

export interface MetadataAnswer {
  readonly brokers: readonly ({ nodeId: number } & BrokerAddress)[]
  readonly topics: readonly {
    readonly errorCode: number
    readonly name: string | null
    /** From version 10 on. */
    readonly topicId?: string
    readonly partitions: readonly { readonly partitionIndex: number; readonly leaderId: number }[]
  }[]
}

interface ListOffsetsTopic {
  readonly name: string
  readonly partitions: {
    readonly partitionIndex: number
    readonly currentLeaderEpoch: number
    readonly timestamp: bigint
  }[]
}

export interface ListOffsetsAnswer {
  readonly topics: readonly {
    readonly name: string
    readonly partitions: readonly {
      readonly partitionIndex: number
      readonly errorCode: number
      readonly offset: bigint
    }[]
  }[]
}

export interface FetchTopic {
  /** The name, for brokers that know no topic ids. */
  readonly topicId: string
  readonly partitions: {
    readonly partition: number
    readonly fetchOffset: bigint
    readonly currentLeaderEpoch: number
    readonly lastFetchedEpoch: number
    readonly partitionMaxBytes: number
  }[]
}

export interface FetchAnswer {
  readonly errorCode: number
  readonly responses: readonly {
    readonly topicId: string
    readonly partitions: readonly PartitionAnswer[]
  }[]
}

export interface PartitionAnswer {
  readonly partitionIndex: number
  readonly errorCode: number
  readonly lastStableOffset: bigint
  readonly abortedTransactions?: readonly AbortedTransaction[] | null
  readonly records?: readonly RecordBatch[]
}

export interface AbortedTransaction {
  readonly producerId: bigint
  readonly firstOffset: bigint
}

export interface RecordBatch {
  readonly firstOffset: bigint
  readonly lastOffsetDelta: number
  readonly attributes: number
  readonly producerId: bigint
  readonly records: readonly LogRecord[]
}

export interface JoinAnswer {
  readonly generationId: number
  readonly protocolName: string | null
  readonly leader: string
  readonly memberId: string
  /** The leader is told all members; the others none. */
  readonly members: readonly { readonly memberId: string; readonly metadata: Buffer }[]
}

export interface TopicIdPartitions {
  readonly topicId: string
  readonly partitions: readonly number[]
}

export interface ConsumerGroupAnswer {
  readonly memberId: string | null
  readonly memberEpoch: number
  readonly heartbeatIntervalMs: number
  /** `null` where it is as it was told before. */
  readonly assignment: { readonly topicPartitions: readonly TopicIdPartitions[] } | null
}

interface OffsetCommitTopic {
  readonly name: string
  readonly partitions: {
    readonly partitionIndex: number
    readonly committedOffset: bigint
    readonly committedLeaderEpoch: number
    readonly committedMetadata: null
  }[]
}

interface OffsetFetchGroup {
  readonly groupId: string
  readonly memberId: null
  readonly memberEpoch: number
  readonly topics: readonly { readonly name: string; readonly partitionIndexes: number[] }[]
}

interface OffsetFetchAnswer {
  readonly groups: readonly {
    readonly topics: readonly {
      readonly name: string
      readonly partitions: readonly {
        readonly partitionIndex: number
        readonly committedOffset: bigint
      }[]
    }[]
  }[]
}
