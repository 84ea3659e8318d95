import { Client } from './client.ts'
import type { ConsumerJob, Job, Life, Report, Scene } from './jobs.ts'

const PRODUCERS = 2
const RELAYS = 3
const MEMBERS = 2
const GROUPS = ['stream', 'consume'] as const

/** All clients of a run. */
export class Cast implements AsyncDisposable {
  readonly clients: readonly Client[]
  readonly groups: readonly string[]

  constructor(options: { scene: Scene; folder: string; seed: number }) {
    const { scene, folder, seed } = options
    const base = (life: Life): Job => ({ ...life, scene })
    const many = (role: 'producer' | 'relay', count: number): Client[] =>
      Array.from({ length: count }, (_, n) => {
        const name = `${role}-${n + 1}`
        return new Client({ name, role, folder, seed: seed + 100 * n, jobOf: base })
      })
    const members = GROUPS.flatMap((how, at) =>
      Array.from({ length: MEMBERS }, (_, n) => {
        const job = { group: `${scene.schema}-${how}`, how }
        const jobOf = (life: Life): ConsumerJob => ({ ...base(life), ...job })
        const own = { name: `${how}-${n + 1}`, seed: seed + 100 * (MEMBERS * at + n) }
        return new Client({ ...own, role: 'consumer', folder, jobOf })
      }),
    )
    this.groups = GROUPS.map((how) => `${scene.schema}-${how}`)
    this.clients = [...many('producer', PRODUCERS), ...many('relay', RELAYS), ...members]
  }

  async start(): Promise<void> {
    await Promise.all(this.clients.map((client) => client.start()))
  }

  async stop(role: Client['role']): Promise<void> {
    await Promise.all(this.clients.filter((one) => one.role === role).map((one) => one.stop()))
  }

  /** Summed over all lives. */
  total(what: 'committed' | 'published' | 'handled'): number {
    return this.#reports().reduce((sum, report) => sum + (report[what] ?? 0), 0)
  }

  /** How many of the groups have handled each closing event. */
  closed(): ReadonlyMap<string, number> {
    const groupsOf = new Map<string, number>()
    for (const how of GROUPS) {
      const members = this.clients.filter(({ name }) => name.startsWith(how))
      const uuids = members.flatMap(({ reports }) => reports.flatMap(({ closed = [] }) => closed))
      for (const uuid of new Set(uuids)) groupsOf.set(uuid, (groupsOf.get(uuid) ?? 0) + 1)
    }
    return groupsOf
  }

  /** How many lives of relays have ended: those that were killed, and those that were taken over. */
  get relayDeaths(): number {
    const relays = this.clients.filter(({ role }) => role === 'relay')
    return relays.reduce((sum, { relayIds }) => sum + Math.max(0, relayIds.size - 1), 0)
  }

  #reports(): Report[] {
    return this.clients.flatMap(({ reports }) => reports)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.clients.map((client) => client.stop()))
  }
}
