import { type KafkaCluster, moveLeaders } from '../../servers/index.ts'
import { type Fault, between, struck } from './fault.ts'
import { type Victim, killServer } from './kills.ts'

/** Two of three brokers die: what is left may acknowledge nothing. */
export function loseMinInSync(brokers: readonly Victim[]): Fault {
  return {
    name: 'kafka: min.insync.replicas lost',
    targets: brokers.map(({ name }) => name),
    async strike(random) {
      const survivor = between(random, 0, brokers.length - 1)
      const dying = brokers.filter((_, at) => at !== survivor)
      const deaths = await Promise.all(dying.map((broker) => killServer(broker).strike(random)))
      const names = dying.map(({ name }) => name).join(' and ')
      return struck(`${names} killed`, async () => {
        await Promise.all(deaths.map((death) => death.heal()))
      })
    },
  }
}

/** All partitions get another leader, transactions' and groups' too: their coordinators move. */
export function moveAllLeaders(kafka: KafkaCluster): Fault {
  return {
    name: 'kafka: leader election',
    targets: ['kafka leaders'],
    async strike(random) {
      const moved = await moveLeaders(kafka.witness, between(random, 1, 2))
      return struck(`${moved.length} partitions`, async () => {})
    },
  }
}
