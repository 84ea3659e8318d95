import { OptionError, describe } from './errors.ts'
import { text } from './options.ts'

/**
 * What Zod, Valibot, ArkType and others call a schema, by the specification that they share.
 * @see https://standardschema.dev
 */
export interface Schema<T = unknown> {
  readonly '~standard': {
    readonly version: 1
    readonly vendor: string
    readonly validate: (value: unknown) => SchemaResult<T> | Promise<SchemaResult<T>>
    readonly types?: { readonly input: unknown; readonly output: T } | undefined
  }
}

export type SchemaResult<T> =
  | { readonly value: T; readonly issues?: undefined }
  | { readonly issues: readonly SchemaIssue[] }

export interface SchemaIssue {
  readonly message: string
  readonly path?: readonly (PropertyKey | { readonly key: PropertyKey })[] | undefined
}

/** A topic, and what its payloads are. */
export interface Topic<T = unknown> {
  readonly name: string
  readonly schema: Schema<T>
}

/** Throws an `OptionError` where one of them isn't what it should be. */
export function topicOf<T>(name: string, schema: Schema<T>): Topic<T> {
  const standard: unknown = (schema as Partial<Schema<T>> | null | undefined)?.['~standard']
  if (typeof (standard as { validate?: unknown } | undefined)?.validate !== 'function')
    throw new OptionError('topic.schema', schema, 'a Standard Schema: one of Zod, Valibot, ArkType')
  return Object.freeze({ name: text('topic.name', name), schema })
}

/** What the schema makes of a value. Throws a `TypeError` that says what doesn't fit. */
export function validate<T>({ name, schema }: Topic<T>, value: unknown): T {
  const result = schema['~standard'].validate(value)
  if ('then' in result) {
    // It would be an unhandled rejection.
    void result.then(undefined, () => {})
    throw new TypeError(`the schema of ${name} answers later: records are read at once`)
  }
  if (result.issues === undefined) return result.value
  const said = result.issues.map(({ message, path = [] }) => {
    const keys = path.map((part) => String(typeof part === 'object' ? part.key : part))
    return keys.length === 0 ? message : `${keys.join('.')}: ${message}`
  })
  throw new TypeError(`${describe(value)} is no payload of ${name}: ${said.join('; ')}`)
}
