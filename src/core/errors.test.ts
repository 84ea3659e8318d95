import assert from 'node:assert/strict'
import { globSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import {
  BrokerError,
  ERROR_CODES,
  OncommitError,
  OptionError,
  describe,
  reasonOf,
  RetryAfter,
} from './errors.ts'

const sources = join(import.meta.dirname, '..')

test('every code that is thrown is in the catalogue, and every code of the catalogue is thrown', () => {
  const thrown = new Set<string>()
  for (const file of globSync('**/*.ts', { cwd: sources })) {
    if (file.endsWith('.test.ts')) continue
    const text = readFileSync(join(sources, file), 'utf8')
    const catalogue = text.indexOf('export const ERROR_CODES')
    const end = catalogue < 0 ? 0 : text.indexOf('as const', catalogue)
    for (const [code] of text.slice(end).matchAll(/ONCOMMIT_[A-Z_]+(?=')/g)) thrown.add(code)
  }
  const tests = [...thrown].filter((code) => code.startsWith('ONCOMMIT_TEST'))
  for (const code of tests) thrown.delete(code)
  assert.deepEqual([...thrown].toSorted(byText), Object.keys(ERROR_CODES).toSorted(byText))
})

test("an error keeps the driver's own as its cause, and its reason names both", () => {
  const driver = new Error('connect ECONNREFUSED')
  const error = new BrokerError('away', 'Kafka can not be reached', { cause: driver, topic: 't' })
  assert.ok(error instanceof OncommitError)
  assert.equal(error.name, 'BrokerError')
  assert.equal(error.cause, driver)
  assert.equal(reasonOf(error), 'Kafka can not be reached: connect ECONNREFUSED')
  assert.equal(reasonOf(undefined), 'undefined was thrown')
})

test('an option error names the option, what it got and what it takes', () => {
  const error = new OptionError('relay.batchSize', 'many', 'a whole number of at least 1')
  assert.equal(
    error.message,
    'option relay.batchSize: got "many", takes a whole number of at least 1',
  )
  assert.equal(error.code, 'ONCOMMIT_OPTION')
  assert.equal(error.option, 'relay.batchSize')
})

test('a value is described without its content where that may be long or secret', () => {
  assert.equal(describe('x'.repeat(100)), 'a string of 100 characters')
  assert.equal(describe({ password: 'secret' }), 'an object')
  assert.equal(describe(new Map()), 'an instance of Map')
  assert.equal(describe(null), 'null')
  assert.equal(describe(5n), '5n')
})

test('RetryAfter takes a time that can be waited for', () => {
  assert.deepEqual([new RetryAfter(0).ms, new RetryAfter(1e12).ms], [0, 1e12])
  for (const ms of [-1, Number.NaN, Infinity, '5' as unknown as number])
    assert.throws(() => new RetryAfter(ms), /option RetryAfter\.ms: got .*, takes milliseconds/)
})

function byText(a: string, b: string): number {
  return a < b ? -1 : 1
}
