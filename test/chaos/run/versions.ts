import { readFileSync } from 'node:fs'
import { kafkaVersion } from '../../servers/kafka/java.ts'
import type { OutboxView } from './outbox-view.ts'

/** Of everything that has a part in a run. */
export async function versionsOf(view: OutboxView): Promise<Record<string, string>> {
  return {
    oncommit: versionIn('../../../package.json'),
    node: process.version,
    PostgreSQL: await view.serverVersion(),
    "Kafka's own consumer": kafkaVersion,
    '@platformatic/kafka': versionIn('../../../node_modules/@platformatic/kafka/package.json'),
    pg: versionIn('../../../node_modules/pg/package.json'),
  }
}

function versionIn(path: string): string {
  const text = readFileSync(new URL(path, import.meta.url), 'utf8')
  return (JSON.parse(text) as { version: string }).version
}
