import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

import { cached } from '../cache.ts'
import {
  canInstall,
  findProgram,
  install,
  isExecutable,
  progress,
  run,
  runOrThrow,
} from '../programs.ts'

/** The release that the pom names. */
export const kafkaVersion = '4.3.1'

/** What every start of Kafka's Java needs. */
export interface KafkaJava {
  readonly java: string
  /** The Java's own words about its version; what was made with another must be made again. */
  readonly version: string
  /** Absolute paths in a fixed order: a class archive fits one order only. */
  readonly jars: readonly string[]
}

const oldestJava = 17
const javaPackages = ['openjdk-17-jre-headless', 'openjdk-21-jre-headless']
const howToInstall = 'Java 17 and Maven, on Debian: apt-get install openjdk-17-jre-headless maven'

let found: Promise<KafkaJava> | undefined

/** Says whether Java and Maven are here or can be installed without asking. */
export async function canHaveJava(): Promise<boolean> {
  return canInstall() || ((await findJava()) !== undefined && findProgram('mvn') !== undefined)
}

/** Java and Kafka's jars; installs and fetches what is missing, once. */
export function kafkaJava(): Promise<KafkaJava> {
  found ??= prepare()
  return found
}

async function prepare(): Promise<KafkaJava> {
  const java = (await findJava()) ?? (await installJava())
  const pom = new URL('pom.xml', import.meta.url)
  const folder = await cached(`kafka-${kafkaVersion}/jars`, readFileSync(pom, 'utf8'), fetchJars)
  const jars = readdirSync(folder)
    .filter((name) => name.endsWith('.jar'))
    .toSorted()
    .map((name) => join(folder, name))
  return { ...java, jars }
}

async function fetchJars(folder: string): Promise<void> {
  const maven = findProgram('mvn') ?? (await installMaven())
  progress(`fetching Kafka ${kafkaVersion} with Maven (58 MB) …`)
  await runOrThrow(maven, [
    '--quiet',
    '--batch-mode',
    `--file=${import.meta.dirname}/pom.xml`,
    'dependency:copy-dependencies',
    `-DoutputDirectory=${folder}`,
    '-DincludeScope=runtime',
  ])
}

async function findJava(): Promise<Pick<KafkaJava, 'java' | 'version'> | undefined> {
  for (const java of javaCandidates()) {
    const { code, stderr } = await run(java, ['-version'])
    const major = Number(/version "(\d+)/.exec(stderr)?.[1])
    if (code === 0 && major >= oldestJava) return { java, version: stderr }
  }
  return undefined
}

/** Debian's default Java may be an old one with a younger beside it. */
function javaCandidates(): string[] {
  const home = process.env['JAVA_HOME']
  const installed = '/usr/lib/jvm'
  return [
    ...(home === undefined ? [] : [join(home, 'bin', 'java')]),
    findProgram('java') ?? '',
    ...listFolder(installed).map((name) => join(installed, name, 'bin', 'java')),
  ].filter((path) => path !== '' && isExecutable(path))
}

function listFolder(path: string): string[] {
  try {
    return readdirSync(path)
  } catch {
    return []
  }
}

async function installJava(): Promise<Pick<KafkaJava, 'java' | 'version'>> {
  if (canInstall()) await install(javaPackages)
  const java = await findJava()
  if (java === undefined)
    throw new Error(`Kafka is needed by this test, and for it ${howToInstall}`)
  return java
}

async function installMaven(): Promise<string> {
  if (canInstall()) await install(['maven'])
  const maven = findProgram('mvn')
  if (maven === undefined)
    throw new Error(`Kafka is needed by this test, and for it ${howToInstall}`)
  return maven
}

/** The beginning of each command line: a JVM that starts fast and writes warnings only. */
export function javaFlags(heap: string): string[] {
  return [
    `-Xmx${heap}`,
    '-XX:-UsePerfData',
    '-Djava.awt.headless=true',
    `-Dlog4j2.configurationFile=${import.meta.dirname}/log4j2.properties`,
  ]
}

/** For what is short-lived or idle: less compiling, no threads to collect garbage with. */
export const smallJvm: readonly string[] = ['-XX:+UseSerialGC', '-XX:TieredStopAtLevel=1']
