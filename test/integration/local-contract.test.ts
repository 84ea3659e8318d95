import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { local, type LocalBroker, type LocalOptions } from '../../src/brokers/local/index.ts'
import { type BrokerHarness, registerBrokerContract } from '../../src/testing/broker-contract.ts'

function harnessOf(
  broker: LocalBroker,
  other: LocalBroker,
  dispose: () => Promise<void>,
): BrokerHarness {
  return {
    broker,
    other,
    createTopic: async (topic, partitions) => broker.createTopic(topic, partitions),
    unknownTopic: async () => Promise.resolve('contract-unknown'),
    expel: async (group) => broker.expel(group),
    sessionTimeoutMs: 5_000,
    [Symbol.asyncDispose]: async () => {
      await Promise.all([broker.close(), other.close()])
      await dispose()
    },
  }
}

async function inMemory(options: LocalOptions = {}): Promise<BrokerHarness> {
  const broker = local({ autoCreateTopics: false, ...options })
  return Promise.resolve(harnessOf(broker, broker, async () => {}))
}

async function inFile(): Promise<BrokerHarness> {
  const folder = await mkdtemp(join(tmpdir(), 'oncommit-local-'))
  const open = (): LocalBroker => local({ file: join(folder, 'log.db'), autoCreateTopics: false })
  return harnessOf(open(), open(), async () => rm(folder, { recursive: true }))
}

registerBrokerContract('the local broker in memory', async () => inMemory())
registerBrokerContract('the local broker in a file', inFile)
registerBrokerContract('the local broker without a fence', async () =>
  inMemory({ guarantee: 'at-least-once' }),
)
