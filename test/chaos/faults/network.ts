import type { AppliedToxic, Proxy, Toxic } from '../../servers/index.ts'
import { type Fault, between, struck, wayTo } from './fault.ts'

interface Weather {
  readonly toxics: readonly Toxic[]
  readonly detail: string
}

/** All that can happen on the way to one server. */
export function networkFaults(proxy: Proxy): Fault[] {
  return [
    onTheWay(proxy, 'only the response swallowed', swallowResponses),
    onTheWay(proxy, 'reset', resetConnections),
    onTheWay(proxy, 'black hole', blackHole),
    onTheWay(proxy, 'latency', addLatency),
    onTheWay(proxy, 'bandwidth', limitBandwidth),
  ]
}

/** Requests get through and are obeyed; no answer comes, and then the connection is cut. */
function swallowResponses(random: () => number): Weather {
  const timeout = between(random, 20, 1_000)
  return {
    toxics: [{ type: 'timeout', stream: 'downstream', attributes: { timeout } }],
    detail: `cut after ${timeout} ms`,
  }
}

/** The first bytes of a connection, or of one direction of it, reset it. */
function resetConnections(random: () => number): Weather {
  const stream = random() < 0.5 ? 'upstream' : 'downstream'
  const timeout = between(random, 0, 200)
  return {
    toxics: [{ type: 'reset_peer', stream, attributes: { timeout } }],
    detail: `${timeout} ms after the first bytes ${stream}`,
  }
}

/** Connections open, and nothing ever comes out of them. */
function blackHole(): Weather {
  const attributes = { timeout: 0 }
  return {
    toxics: [
      { type: 'timeout', stream: 'upstream', attributes },
      { type: 'timeout', stream: 'downstream', attributes },
    ],
    detail: 'both directions',
  }
}

function addLatency(random: () => number): Weather {
  const latency = between(random, 20, 500)
  const attributes = { latency, jitter: Math.floor(latency / 2) }
  return {
    toxics: [
      { type: 'latency', stream: 'upstream', attributes },
      { type: 'latency', stream: 'downstream', attributes },
    ],
    detail: `${latency} ms each way, give or take a half`,
  }
}

function limitBandwidth(random: () => number): Weather {
  const rate = between(random, 8, 64)
  return {
    toxics: [
      { type: 'bandwidth', stream: 'upstream', attributes: { rate } },
      { type: 'bandwidth', stream: 'downstream', attributes: { rate } },
    ],
    detail: `${rate} KB/s each way`,
  }
}

function onTheWay(proxy: Proxy, what: string, make: (random: () => number) => Weather): Fault {
  return {
    name: `${proxy.name}: ${what}`,
    targets: [wayTo(proxy.name)],
    async strike(random) {
      const { toxics, detail } = make(random)
      const applied: AppliedToxic[] = []
      for (const toxic of toxics) applied.push(await proxy.add(toxic))
      return struck(detail, async () => {
        for (const toxic of applied) await toxic.remove()
      })
    },
  }
}
