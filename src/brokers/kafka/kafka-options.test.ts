import assert from 'node:assert/strict'
import { it } from 'node:test'
import { OptionError } from '../../core/errors.ts'
import { kafka } from './kafka-broker.ts'
import { topicNameProblem } from '../../core/topic-name.ts'
import { readKafkaOptions, type KafkaOptions } from './kafka-options.ts'

const brokers = ['localhost:9092']

it('applies the defaults', () => {
  const { connection, ...settings } = readKafkaOptions({ brokers })
  assert.deepEqual(settings, {
    guarantee: 'exactly-once',
    compression: 'none',
    maxRecordBytes: 1_000_000,
    markerTopic: '__oncommit_markers',
    markerReplication: -1,
    publishTimeoutMs: 5_000,
    transactionTimeoutMs: 10_000,
    groupProtocol: 'classic',
  })
  assert.equal(connection.clientId, 'oncommit')
  assert.deepEqual(connection.clientOptions.bootstrapBrokers, brokers)
})

it('passes further settings of the client through, and lets nothing override the brokers', () => {
  const { connection } = readKafkaOptions({
    brokers,
    tls: true,
    client: { connectTimeout: 1, bootstrapBrokers: ['elsewhere:1'] },
  })
  const { connectTimeout, bootstrapBrokers, tls, tlsServerName } = connection.clientOptions
  assert.deepEqual(
    { connectTimeout, bootstrapBrokers, tls, tlsServerName },
    { connectTimeout: 1, bootstrapBrokers: brokers, tls: {}, tlsServerName: true },
  )
})

for (const [option, given] of [
  ['kafka.brokers', { brokers: [] }],
  ['kafka.brokers', { brokers: 'localhost:9092' }],
  ['kafka.brokers[0]', { brokers: ['localhost:0'] }],
  ['kafka.guarantee', { brokers, guarantee: 'twice' }],
  ['kafka.clientId', { brokers, clientId: 'a b' }],
  ['kafka.sasl.mechanism', { brokers, sasl: { mechanism: 'MD5' } }],
  ['kafka.tls', { brokers, tls: 'yes' }],
  ['kafka.compression', { brokers, compression: 'brotli' }],
  ['kafka.maxRecordBytes', { brokers, maxRecordBytes: 0 }],
  ['kafka.markerTopic', { brokers, markerTopic: 'a/b' }],
  ['kafka.groupProtocol', { brokers, groupProtocol: 'static' }],
  ['kafka.markerReplication', { brokers, markerReplication: 0 }],
  ['kafka.publishTimeoutMs', { brokers, publishTimeoutMs: 1 }],
  ['kafka.transactionTimeoutMs', { brokers, transactionTimeoutMs: 5_000 }],
  ['kafka.client', { brokers, client: [] }],
  ['kafka.guarante', { brokers, guarante: 'exactly-once' }],
] as const)
  it(`refuses ${JSON.stringify(given)} by the name ${option}`, () => {
    assert.throws(
      () => kafka(given as unknown as KafkaOptions),
      (error) => error instanceof OptionError && error.option === option,
    )
  })

for (const [given, says] of [
  ['kafka://host:9092', `got "kafka://host:9092", takes 'host:port' alone: 'host:9092'`],
  ['http://host:9092/', `got "http://host:9092", takes 'host:port' alone: 'host:9092'`],
  ['SASL_SSL://u:secret@h:1', `got "SASL_SSL://h:1", takes 'host:port' alone: 'h:1'`],
  [undefined, `got undefined, takes 'host:port'; is an environment variable missing?`],
  ['', `got "", takes 'host:port'; is an environment variable missing?`],
  ['a:1,b:2', `got "a:1,b:2", takes one 'host:port': split a list with .split(',')`],
] as const)
  it(`says what to write in place of the broker ${given}`, () => {
    assert.throws(() => kafka({ brokers: ['first:9092', given as string] }), {
      code: 'ONCOMMIT_OPTION',
      message: `option kafka.brokers[1]: ${says}`,
    })
  })

it('knows which names Kafka takes', () => {
  for (const good of ['a', 'A.b_c-1', 'x'.repeat(249)]) assert.equal(topicNameProblem(good), null)
  for (const bad of ['', '.', '..', 'x'.repeat(250), 'a b', 'a/b', 'ключ', 'a:b'])
    assert.notEqual(topicNameProblem(bad), null)
  assert.notEqual(kafka({ brokers }).topicProblem('__oncommit_markers'), null)
})
