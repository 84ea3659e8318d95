import { join } from 'node:path'

import { inContainer } from '../docker.ts'
import { asNobody, copyFolder } from '../programs.ts'
import { type Launch, type Place, type Recipe, type Server, startServer } from '../server.ts'
import { makeDisk } from '../small-disk.ts'
import { connect } from './database.ts'
import { type PostgresHome, dataTemplate, findPostgres, readableNative } from './programs.ts'

/** Settings by the names that `postgresql.conf` has. */
export type PostgresSettings = Readonly<Record<string, string | number>>

export interface PostgresOptions {
  /**
   * Settings beside, or in place of, our own.
   * @example { max_prepared_transactions: 50, wal_level: 'logical' }
   */
  readonly settings?: PostgresSettings
  /**
   * Its data lie on a disk of their own, which may run full: only for root on Linux.
   * @example '512m'
   */
  readonly diskSize?: string
  /** What it finds in its environment beside ours, by its folder. */
  readonly env?: (place: Pick<Place, 'folder'>) => NodeJS.ProcessEnv
}

/** A process that is killed loses nothing without `fsync`; only a machine that is would. */
const ourSettings: PostgresSettings = {
  fsync: 'off',
  listen_addresses: '127.0.0.1',
  unix_socket_directories: '',
  max_connections: 200,
  // In the data folder, so that a killed server leaves nothing behind in /dev/shm.
  dynamic_shared_memory_type: 'mmap',
}

/**
 * Starts a PostgreSQL 18 of one's own: user `postgres`, no password.
 *
 * @example
 * await using server = await startPostgres({ settings: { max_prepared_transactions: 50 } })
 */
export async function startPostgres(options: PostgresOptions = {}): Promise<Server> {
  const home = await findPostgres()
  return startServer(
    postgresRecipe(home, options, async (place) => {
      if ('image' in home) return
      await copyFolder(`${await dataTemplate(home.native)}/.`, join(place.folder, 'data'))
    }),
  )
}

/** A PostgreSQL whose data folder `fill` makes. */
export function postgresRecipe(
  home: PostgresHome,
  options: PostgresOptions,
  fill: (place: Place) => Promise<void>,
): Recipe {
  const settings = { ...ourSettings, ...options.settings }
  let native = ''
  return {
    name: 'postgres',
    portCount: 1,
    async prepare(place) {
      if (options.diskSize !== undefined)
        await makeDisk(join(place.folder, 'data'), options.diskSize)
      await fill(place)
      if ('native' in home) native = await readableNative(home.native, place.folder)
    },
    launch: (place) =>
      'image' in home
        ? launchContainer(home.image, place, settings)
        : {
            command: join(native, 'bin', 'postgres'),
            args: ['-D', join(place.folder, 'data'), '-p', String(place.port), ...flags(settings)],
            ...(options.env && { env: { ...process.env, ...options.env(place) } }),
            ...asNobody,
          },
    ready: answersQueries,
    // A fast shutdown: SIGTERM would wait for the clients to leave.
    stopSignal: 'SIGINT',
    discardSignal: 'SIGQUIT',
  }
}

function flags(settings: PostgresSettings): string[] {
  return Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`])
}

function launchContainer(image: string, place: Place, settings: PostgresSettings): Launch {
  const inside = { ...settings, listen_addresses: '*', port: place.port }
  return inContainer(place, {
    image,
    mount: '/oncommit',
    env: { PGDATA: '/oncommit/data', POSTGRES_HOST_AUTH_METHOD: 'trust' },
    command: ['postgres', ...flags(inside)],
  })
}

async function answersQueries(place: Place): Promise<boolean> {
  await using client = await connect(place, 'postgres')
  await client.query('select 1')
  return true
}
