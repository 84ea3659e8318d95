export { EventBus } from './bus/event-bus.ts'
export type { EventBusOptions } from './bus/event-bus.ts'
export type { Consumer } from './consumer/consume/consumer.ts'
export type { BatchHandler, Handler, HandlerContext } from './consumer/consume/handling.ts'
export type {
  ConsumeBatchesOptions,
  ConsumeOptions,
  RepublishOptions,
} from './consumer/consume/options.ts'
export type {
  ConsumerCounts,
  ConsumerHealth,
  ConsumerLag,
  ConsumerResult,
} from './consumer/consume/report.ts'
export type { RetryOptions } from './consumer/consume/retry.ts'
export type { HeldEvent } from './consumer/consume/troubles.ts'
export type { Backpressure } from './consumer/stream/backpressure.ts'
export type { Broken, BrokenRecord, OnBroken } from './consumer/broken.ts'
export type { StreamCounts } from './consumer/stream/counts.ts'
export type { EventStream } from './consumer/stream/event-stream.ts'
export type { StreamHealth } from './consumer/reading/health.ts'
export type { PartitionLag } from './consumer/reading/lag.ts'
export type { StreamOptions } from './consumer/stream/options.ts'
export type { ReadingOptions, StartAt } from './consumer/reading/reading-options.ts'
export type { ReceivedEvent } from './consumer/received-event.ts'
export type { DataOf, Topics } from './consumer/typed.ts'
export type {
  AppendResult,
  Broker,
  BrokerCapabilities,
  Producer,
  ProducerOptions,
  PublishBatch,
  PublishedBatch,
  Publisher,
  PublisherOptions,
  Refusal,
  TopicRecord,
} from './core/broker.ts'
export type { Codec, DecodedEvent, LogRecord, WireRecord } from './core/codec.ts'
export {
  BackpressureError,
  BatchError,
  BrokenRecordError,
  BrokerError,
  ERROR_CODES,
  EventError,
  OffsetLostError,
  OncommitError,
  OptionError,
  PeerMissingError,
  Reject,
  RetryAfter,
  SchemaVersionError,
  StoreError,
  StreamInUseError,
  TransactionError,
  UnsafeStoreError,
} from './core/errors.ts'
export type { BrokerFailure, ErrorCode } from './core/errors.ts'
export type { EventInput, HeaderValue, Headers, OutboxEvent, StoredEvent } from './core/event.ts'
export type { IdRange, IdRanges } from './core/id-ranges.ts'
export type { Inbox, InboxWork } from './core/inbox.ts'
export type {
  FetchOptions,
  GroupMembership,
  JoinOptions,
  LogClient,
  LogClientOptions,
  Mark,
  Page,
  Position,
  TopicPartition,
} from './core/log.ts'
export type { Logger } from './core/logger.ts'
export type {
  Ack,
  AppliedMigration,
  Backlog,
  BlockedEntry,
  BlockedScope,
  CleanResult,
  FetchRequest,
  FetchedBatch,
  HeldRequest,
  OutboxStore,
  ParkedEvents,
  RelaySession,
  RelayState,
  RelayView,
  SettledBatch,
  Tick,
} from './core/outbox-store.ts'
export type { DecisionResult, RequeueOptions, RequeueResult } from './operations/acting.ts'
export type { AuditRecord, Decision } from './operations/audit.ts'
export type { BlockedKeyInfo, HeldEventInfo } from './operations/blocked-keys.ts'
export type { BulkOptions, BulkProgress, BulkResult } from './operations/bulk.ts'
export type { DeadGroup, DeadLetterInfo, RequeuePreview } from './operations/dead-letters.ts'
export type { OperationsFilter } from './operations/filters.ts'
export type { NewerEvents } from './operations/newer-events.ts'
export type { Operations, WholeDeadLetter } from './operations/operations.ts'
export type {
  CappedCount,
  IdBounds,
  InspectedBlock,
  InspectedEvent,
  InspectedLane,
  InspectedLedger,
  InspectedRates,
  InspectedRelay,
  InspectedTopic,
  OpenTransaction,
  OutboxInspection,
  Standing,
} from './core/outbox-inspection.ts'
export type { Schema, SchemaIssue, SchemaResult, Topic } from './core/topic.ts'
export type { ExplainOptions } from './operations/explain.ts'
export type { ExplainedEvent, Explanation, HeldBy, Place } from './operations/explanation.ts'
export type {
  Status,
  StatusBroker,
  StatusOptions,
  StatusRates,
  StatusRelay,
  StatusTopic,
} from './operations/status-report.ts'
export type { RelayOptions } from './relay/options.ts'
export type { Relay, RelayStatus } from './relay/relay.ts'
