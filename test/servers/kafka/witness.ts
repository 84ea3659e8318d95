import { type ChildProcessByStdio, spawn } from 'node:child_process'
import { mkdirSync, readFileSync } from 'node:fs'
import { delimiter } from 'node:path'
import { createInterface } from 'node:readline'
import type { Readable, Writable } from 'node:stream'

import { cached } from '../cache.ts'
import { runOrThrow } from '../programs.ts'
import { kafkaJava, kafkaVersion, smallJvm } from './java.ts'
import { javaCommand } from './tool.ts'

/** A line of the witness: a record of the answer, or its end. */
interface Line {
  readonly id: number
  readonly record?: readonly unknown[]
  readonly failed?: string
}

interface Waiting {
  readonly records: (readonly unknown[])[]
  resolve(records: readonly (readonly unknown[])[]): void
  reject(error: Error): void
}

let witness: Promise<Witness> | undefined

/** Asks Kafka's own client, which runs beside this process from the first question on. */
export async function ask(
  what: string,
  question: Readonly<Record<string, unknown>>,
): Promise<readonly (readonly unknown[])[]> {
  witness ??= Witness.start()
  return (await witness).ask({ ask: what, ...question })
}

type Jvm = ChildProcessByStdio<Writable, Readable, null>

/** One JVM for all servers and all questions of this process; it ends when its input does. */
class Witness {
  readonly #jvm: Jvm
  readonly #waiting = new Map<number, Waiting>()
  #last = 0

  static async start(): Promise<Witness> {
    const { java, args } = await javaCommand([await compiled()])
    return new Witness(spawn(java, [...args, 'Witness'], { stdio: ['pipe', 'pipe', 'inherit'] }))
  }

  constructor(jvm: Jvm) {
    this.#jvm = jvm
    createInterface({ input: jvm.stdout }).on('line', (line) => {
      this.#hear(JSON.parse(line) as Line)
    })
    jvm.once('exit', (code) => {
      this.#failAll(new Error(`Kafka's own client ended with ${code}`))
    })
    this.#letProcessEnd()
  }

  async ask(question: Readonly<Record<string, unknown>>): Promise<readonly (readonly unknown[])[]> {
    const { promise, resolve, reject } = Promise.withResolvers<readonly (readonly unknown[])[]>()
    this.#last += 1
    this.#waiting.set(this.#last, { records: [], resolve, reject })
    this.#jvm.ref()
    this.#jvm.stdin.write(`${JSON.stringify({ id: this.#last, ...question })}\n`)
    return promise
  }

  #hear(line: Line): void {
    const waiting = this.#waiting.get(line.id)
    if (line.record) {
      waiting?.records.push(line.record)
      return
    }
    this.#waiting.delete(line.id)
    if (this.#waiting.size === 0) this.#letProcessEnd()
    if (line.failed === undefined) waiting?.resolve(waiting.records)
    else waiting?.reject(new Error(line.failed))
  }

  #failAll(error: Error): void {
    witness = undefined
    for (const waiting of this.#waiting.values()) waiting.reject(error)
    this.#waiting.clear()
  }

  /** An idle witness keeps nobody from ending. */
  #letProcessEnd(): void {
    this.#jvm.unref()
    for (const stream of [this.#jvm.stdin, this.#jvm.stdout]) {
      if ('unref' in stream && typeof stream.unref === 'function') stream.unref()
    }
  }
}

/** The folder with the compiled class. The compiler is a jar, since many a machine has only a JRE. */
async function compiled(): Promise<string> {
  const { java, version, jars } = await kafkaJava()
  const source = `${import.meta.dirname}/Witness.java`
  const key = version + readFileSync(source, 'utf8')
  return cached(`kafka-${kafkaVersion}/witness`, key, async (folder) => {
    mkdirSync(folder)
    const compiler = jars.find((jar) => jar.includes('/ecj-')) ?? ''
    const options = ['-17', '-proc:none', '-nowarn', '-cp', jars.join(delimiter), '-d', folder]
    await runOrThrow(java, [...smallJvm, '-jar', compiler, ...options, source])
  })
}
