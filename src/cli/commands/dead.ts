import {
  groupsAsLines,
  letterAsLine,
  previewAsLines,
  wholeAsJson,
  wholeAsLines,
} from '../dead-text.ts'
import { EXIT } from '../exit-codes.ts'
import {
  acting,
  type ActFlags,
  dryRun,
  type FilterFlags,
  filterFrom,
  operating,
  resultOf,
} from '../operating.ts'
import type { Terminal } from '../terminal.ts'

export interface DeadListFlags extends FilterFlags {
  readonly each?: boolean
}

export interface RequeueFlags extends ActFlags {
  readonly onlyInOrder?: boolean
}

/** `oncommit dead list`: what died, by topic and error, or each of them. */
export function deadList(flags: DeadListFlags, terminal: Terminal): Promise<number> {
  const json = flags.json === true
  return operating(flags, terminal, async (operations) => {
    if (flags.each === true) {
      for await (const letter of operations.deadLetters(filterFrom(flags)))
        terminal.result(json ? JSON.stringify(letter) : letterAsLine(letter))
      return EXIT.done
    }
    const groups = await operations.deadGroups(filterFrom(flags))
    if (json) terminal.result(JSON.stringify({ groups }))
    else for (const line of groupsAsLines(groups)) terminal.result(line)
    return EXIT.done
  })
}

/** `oncommit dead show`: all of one dead letter. */
export function deadShow(uuid: string, flags: FilterFlags, terminal: Terminal): Promise<number> {
  return operating(flags, terminal, async (operations) => {
    const letter = await operations.deadLetter(uuid)
    if (letter === null) {
      terminal.note(`no dead letter has the uuid ${uuid}`)
      return EXIT.notFound
    }
    if (flags.json === true) terminal.result(wholeAsJson(letter))
    else for (const line of wholeAsLines(letter)) terminal.result(line)
    return EXIT.done
  })
}

/** `oncommit dead requeue`: says what it would do, and does it with `--yes`. */
export function deadRequeue(
  uuids: readonly string[],
  flags: RequeueFlags,
  terminal: Terminal,
): Promise<number> {
  const filter = filterFrom(flags, uuids)
  return operating(flags, terminal, async (operations) => {
    if (flags.yes === true) {
      const { onlyInOrder = false } = flags
      const result = await acting(flags, terminal, (options) =>
        operations.requeue(filter, { ...options, onlyInOrder }),
      )
      const waiting = result.waiting === 0 ? '' : ` (${result.waiting} wait with blocked keys)`
      return resultOf(result, { verb: `requeued${waiting}`, terminal, flags })
    }
    const preview = await operations.previewRequeue(filter)
    if (flags.json === true) terminal.result(JSON.stringify(preview))
    else for (const line of previewAsLines(preview)) terminal.result(line)
    return dryRun(preview.letters, { uuids, terminal, flags })
  })
}

/** `oncommit dead discard`: says what it would do, and does it with `--yes`. */
export function deadDiscard(
  uuids: readonly string[],
  flags: ActFlags,
  terminal: Terminal,
): Promise<number> {
  const filter = filterFrom(flags, uuids)
  return operating(flags, terminal, async (operations) => {
    if (flags.yes === true) {
      const result = await acting(flags, terminal, (options) => operations.discard(filter, options))
      return resultOf(result, { verb: 'discarded', terminal, flags })
    }
    const { letters, keys, keyless } = await operations.previewRequeue(filter, { searchMs: 0 })
    if (flags.json === true) terminal.result(JSON.stringify({ letters, keys, keyless }))
    else {
      terminal.result(`${letters} dead letters of ${keys} keys, ${keyless} without a key`)
      if (letters > 0) terminal.result('discarded they are gone for good: their keys have gaps')
    }
    return dryRun(letters, { uuids, terminal, flags })
  })
}
