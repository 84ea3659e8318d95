import { basename } from 'node:path'

import type { Launch, Place } from './server.ts'
import { findProgram, run, runOrThrow } from './programs.ts'

export interface Container {
  readonly image: string
  /** Where the server's folder appears inside. */
  readonly mount: string
  readonly command: readonly string[]
  readonly env?: Readonly<Record<string, string>>
}

let answers: Promise<boolean> | undefined

/** Says whether a Docker daemon answers. */
export function dockerAnswers(): Promise<boolean> {
  answers ??= askDocker()
  return answers
}

async function askDocker(): Promise<boolean> {
  const docker = findProgram('docker')
  return docker !== undefined && (await run(docker, ['info'])).code === 0
}

/**
 * How a server starts in a container, where its program can't be had in another way. Its data
 * stays in the server's folder, so that a restart is a new container.
 *
 * Written without a daemon at hand: this path has not been run.
 */
export function inContainer(place: Place, container: Container): Launch {
  const name = basename(place.folder)
  const environment = Object.entries(container.env ?? {})
  return {
    command: 'docker',
    args: [
      'run',
      '--rm',
      `--name=${name}`,
      `--volume=${place.folder}:${container.mount}`,
      ...place.ports.flatMap((port) => ['-p', `127.0.0.1:${port}:${port}`]),
      ...environment.flatMap(([key, value]) => ['-e', `${key}=${value}`]),
      container.image,
      ...container.command,
    ],
    async signal(signal) {
      await runOrThrow('docker', dockerSignal(name, signal))
    },
  }
}

function dockerSignal(name: string, signal: NodeJS.Signals): string[] {
  if (signal === 'SIGSTOP') return ['pause', name]
  if (signal === 'SIGCONT') return ['unpause', name]
  return ['kill', `--signal=${signal}`, name]
}
