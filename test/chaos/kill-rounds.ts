import { eventually } from './campaign.ts'
import type { Campaign } from './campaign.ts'

export type Fault = 'SIGKILL' | 'SIGSTOP'

export interface Round {
  readonly fault: Fault
  /** From the fault to the moment when the lanes are somebody else's. */
  readonly takeoverMs: number
}

/** Events that survivors publish while the frozen relay stands still. */
const EVENTS_PAST_THE_FROZEN = 200

/**
 * One fault in the middle of publishing. A killed relay is replaced at once; a frozen one is taken
 * over, sees the others pass, wakes up, and has to find out that it is nobody any more.
 */
export async function killRound(
  campaign: Campaign,
  fault: Fault,
  random: () => number,
): Promise<Round> {
  const victim = await campaign.workingRelay()
  const { published } = victim.report
  await eventually('it publishes', () => (victim.report.published > published ? true : undefined))
  // Anywhere in a fetch, an append, a commit or a settle.
  await new Promise((resolve) => setTimeout(resolve, random() * 60))
  const relayId = victim.report.relayId ?? ''
  const began = performance.now()
  campaign.faults.push(Date.now())
  if (fault === 'SIGKILL') {
    await victim.kill()
    campaign.startRelay()
    await campaign.takenOver(relayId)
    return { fault, takeoverMs: performance.now() - began }
  }
  victim.freeze()
  await campaign.takenOver(relayId)
  const takeoverMs = performance.now() - began
  const others = campaign.relays.filter((relay) => relay !== victim)
  const before = sum(others.map((relay) => relay.report.published))
  await eventually('the others publish', () =>
    sum(others.map((relay) => relay.report.published)) > before + EVENTS_PAST_THE_FROZEN
      ? true
      : undefined,
  )
  victim.thaw()
  await eventually('it comes back under another id', () =>
    victim.report.relayId !== null && victim.report.relayId !== relayId ? true : undefined,
  )
  return { fault, takeoverMs }
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0)
}
