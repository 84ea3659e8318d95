import assert from 'node:assert/strict'
import { test } from 'node:test'
import { kafka } from '../src/brokers/kafka/index.ts'
import { local } from '../src/brokers/local/index.ts'
import { cloudEvents } from '../src/codecs/cloudevents/index.ts'
import { EventBus, OptionError } from '../src/index.ts'
import { relaySettings } from '../src/relay/options.ts'
import { postgres } from '../src/stores/postgres/index.ts'
import { sqlite } from '../src/stores/sqlite/index.ts'

type Make = (options: never) => unknown
const url = 'postgres://localhost/shop'

/** For each maker: options that it takes, and then, one at a time, each of them wrong. */
const makers: Record<string, { make: Make; right: object; wrong: Record<string, unknown[]> }> = {
  postgres: {
    make: postgres,
    right: { url },
    wrong: {
      pool: [{}, 5, null],
      url: ['', 5],
      directUrl: ['', 5],
      pooler: ['yes', 1],
      schema: ['', 5, 'a'.repeat(64), 'nul\0'],
      statementTimeoutMs: [0, -1, 1.5, 'long'],
      inboxRetentionSeconds: [0, -1, Number.NaN, '7d'],
      pol: [1],
    },
  },
  sqlite: {
    make: sqlite,
    right: { file: 'shop.db' },
    wrong: {
      file: ['', 5, null],
      synchronous: ['maybe'],
      inboxRetentionSeconds: [0, -1, '7d', null],
      fil: [1],
    },
  },
  kafka: {
    make: kafka,
    right: { brokers: ['localhost:9092'] },
    wrong: {
      brokers: [[], 'localhost', [5], [''], null],
      guarantee: ['at-most-once', 1],
      maxRecordBytes: [0, -5, 'big'],
      publishTimeoutMs: [0, 'long'],
      transactionTimeoutMs: [0, 'long'],
      compression: ['rar'],
      markerTopic: ['', 'a b', 5],
      clientId: ['', 5],
      broker: [1],
    },
  },
  local: {
    make: local,
    right: {},
    wrong: {
      file: ['', 5],
      partitions: [0, 1.5, 'four'],
      guarantee: ['at-most-once'],
      retainRecords: [0, 'all'],
      maxRecordBytes: [0, 'big'],
      fille: [1],
    },
  },
  cloudEvents: { make: cloudEvents, right: {}, wrong: { source: ['', 5], sorce: [1] } },
  EventBus: {
    make: (options: ConstructorParameters<typeof EventBus>[0]) => new EventBus(options),
    right: { broker: local() },
    wrong: { store: [{}, 5], broker: [{}, 'kafka'], codec: [{}, 5], logger: [{}, 5], stor: [1] },
  },
  relay: {
    make: relaySettings,
    right: {},
    wrong: {
      batchSize: [0, 1.5, '100', 10_001],
      batchBytes: [0, 'big'],
      pollIntervalMs: [0, 60_001],
      ttlMs: [999, 'long'],
      maxRelays: [0, 65],
      stopTimeoutMs: [-1, 'long'],
      retentionSeconds: [0, -1, 'week', Number.NaN],
      batchsize: [1],
    },
  },
}

for (const [name, { make, right, wrong }] of Object.entries(makers)) {
  test(`${name}: every wrong option gets an error with its name, and what it takes`, () => {
    make(right as never)
    for (const [option, values] of Object.entries(wrong)) {
      for (const value of values) {
        assert.throws(
          () => make({ ...right, [option]: value } as never),
          (error: unknown) =>
            error instanceof OptionError &&
            error.message.includes(option) &&
            / got .*, takes /.test(error.message),
          `${name}.${option}: ${JSON.stringify(value)}`,
        )
      }
    }
    for (const options of [null, 5, 'x', []]) {
      assert.throws(
        () => make(options as never),
        OptionError,
        `${name}(${JSON.stringify(options)})`,
      )
    }
  })
}

test('a part that the use needs is named where it is missing', async () => {
  await assert.rejects(
    new EventBus({ broker: local() }).send({}, { topic: 't' }),
    /EventBus\.store: .* a store, to send/,
  )
  await assert.rejects(
    new EventBus({ store: sqlite({ file: 'x.db' }) }).startRelay(),
    /EventBus\.broker: .* a broker, to relay/,
  )
  assert.throws(
    () => new EventBus({ store: sqlite({ file: 'x.db' }) }).stream('t'),
    /EventBus\.broker: .* a broker, to stream/,
  )
  assert.throws(() => new EventBus({}), /EventBus: .*a store, to send; a broker, to consume/)
})
