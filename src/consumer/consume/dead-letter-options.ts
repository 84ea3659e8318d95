import { OptionError } from '../../core/errors.ts'
import { knownOptions, oneOf, text } from '../../core/options.ts'

type AfterDead = 'continue' | 'follow'

/** Where dead letters go. Throws an `OptionError` where that is no place for them. */
export function deadLetterOf(
  call: string,
  deadLetter: unknown,
  topics: readonly string[],
): { readonly topic: string | null } | null {
  if (deadLetter === undefined) return null
  if (typeof deadLetter !== 'object' || deadLetter === null)
    throw new OptionError(`${call}.deadLetter`, deadLetter, '{} or { topic }')
  knownOptions(`${call}.deadLetter`, deadLetter, ['topic'])
  const { topic } = deadLetter as { topic?: unknown }
  if (topic === undefined) return { topic: null }
  const name = text(`${call}.deadLetter.topic`, topic)
  // It would read its own dead letters, and fail at them again, for ever.
  if (topics.includes(name))
    throw new OptionError(`${call}.deadLetter.topic`, name, 'another topic than it reads')
  return { topic: name }
}

/** What comes of a dead letter's key. Throws an `OptionError` where nothing can be one. */
export function afterDeadOf(
  call: string,
  {
    afterDead = 'continue',
    deadLetter,
  }: { readonly afterDead?: AfterDead; readonly deadLetter?: object },
): AfterDead {
  const choice = oneOf(`${call}.afterDead`, afterDead, ['continue', 'follow'])
  if (choice === 'follow' && deadLetter === undefined)
    throw new OptionError(`${call}.afterDead`, choice, 'that only with the option deadLetter')
  return choice
}
