import { OptionError } from '../../core/errors.ts'
import { isUuid } from '../../core/uuid.ts'
import { explain } from '../../operations/explain.ts'
import { storeFrom } from '../connections.ts'
import type { StoreFlags } from '../connections.ts'
import { EXIT } from '../exit-codes.ts'
import { explanationAsText } from '../explanation-text.ts'
import type { Terminal } from '../terminal.ts'

export interface WhyFlags extends StoreFlags {
  readonly json?: boolean
}

/** `oncommit why`: what became of an event, and what holds it. */
export async function why(uuid: string, flags: WhyFlags, terminal: Terminal): Promise<number> {
  if (!isUuid(uuid)) throw new OptionError('uuid', uuid, 'the uuid of an event')
  const store = storeFrom(flags, terminal.environment)
  try {
    await store.check()
    await using inspection = await store.openInspection()
    const explanation = await explain(inspection, uuid)
    terminal.result(
      flags.json === true ? JSON.stringify(explanation) : explanationAsText(explanation),
    )
    if (explanation.verdict === 'delivered') return EXIT.done
    return explanation.verdict === 'not-found' ? EXIT.notFound : EXIT.failed
  } finally {
    await store.close()
  }
}
