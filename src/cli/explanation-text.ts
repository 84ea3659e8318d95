import type { ExplainedEvent, Explanation } from '../operations/explanation.ts'
import { causeOf } from './cause-text.ts'
import { bytesText, timeText } from './quantities.ts'

/** An explanation for people: the verdict, the event, what it waits for, and the next step. */
export function explanationAsText(it: Explanation): string {
  const { headline, details, steps } = causeOf(it)
  const event = 'event' in it ? [`  ${eventText(it.event)}`] : [`  ${it.uuid}`]
  const lines = [headline, '', ...event, ...details.map((line) => `  ${line}`)]
  if (steps.length > 0) lines.push('', ...steps.map((step) => `  → ${step}`))
  return lines.join('\n')
}

function eventText({ uuid, topic, key, msgType, bytes, storedAt }: ExplainedEvent): string {
  const parts = [
    uuid,
    topic,
    key === null ? 'no key' : `key ${JSON.stringify(key)}`,
    msgType,
    bytesText(bytes),
    `stored ${timeText(storedAt)}`,
  ]
  return parts.filter((part) => part !== '').join('  ')
}
