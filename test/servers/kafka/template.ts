import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'

import { cached } from '../cache.ts'
import { copyFolder, progress, runOrThrow } from '../programs.ts'
import { javaFlags, kafkaJava, kafkaVersion, smallJvm } from './java.ts'
import { serverProperties } from './properties.ts'

/** Of every cluster in these tests. */
export const clusterId = 'b25jb21taXQtdGVzdHMtMQ'

/** A formatted data folder, from which every node gets its copy: no JVM only to format. */
export function dataTemplate(): Promise<string> {
  return cached(`kafka-${kafkaVersion}/template`, clusterId, async (path) => {
    progress('formatting a data folder for Kafka …')
    const { java, jars } = await kafkaJava()
    const folder = mkdtempSync(join(tmpdir(), 'oncommit-format-'))
    try {
      const file = join(folder, 'server.properties')
      const layout = { authorizer: false, properties: {}, listenOn: '127.0.0.1', folder }
      writeFileSync(file, serverProperties({ ports: [9092, 9093] }, layout))
      await runOrThrow(java, [
        ...javaFlags('256m'),
        ...smallJvm,
        `--class-path=${jars.join(delimiter)}`,
        'kafka.tools.StorageTool',
        'format',
        `--cluster-id=${clusterId}`,
        `--config=${file}`,
      ])
      await copyFolder(join(folder, 'data'), path)
    } finally {
      rmSync(folder, { recursive: true, force: true })
    }
  })
}
