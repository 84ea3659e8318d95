import assert from 'node:assert/strict'
import { test } from 'node:test'
import { check, describe } from './checker.ts'
import type { Entry } from './history.ts'

/**
 * A small history, a word an entry, a microsecond each. `>a1` sends the event a1, of the key a, in
 * a transaction of its own, `>a1:t` in the transaction t; `+t`, `-t`, `?t` end one by commit,
 * rollback, or nobody knows, and `=a1` says that it is blocked in the end. `a1` is a record that a reader meets next, `a1*` one with other bytes;
 * `a1!` says that the consumer is through with that record, `^2` marks two records as handled, and
 * `#` is a fault.
 */
function history(words: string): Entry[] {
  const offsets = new Map<string, number>()
  return words.split(/\s+/).map((word, at) => entryOf(word, at, offsets))
}

function entryOf(word: string, at: number, offsets: Map<string, number>): Entry {
  const moment = { at, client: 'test' }
  const [, name = '', transaction = name] = /^>?(\w+)(?::(\w+))?/.exec(word) ?? []
  const record = { topic: 'orders', key: name.slice(0, 1), uuid: name, partition: 0 }
  const rest = word.slice(1)
  switch (word.charAt(0)) {
    case '>':
      return { ...moment, what: 'send', ...record, hash: name, transaction, place: at }
    case '+':
      return { ...moment, what: 'commit', transaction: rest }
    case '-':
      return { ...moment, what: 'rollback', transaction: rest }
    case '?':
      return { ...moment, what: 'unknown', transaction: rest }
    case '=':
      return { ...moment, what: 'blocked', uuid: rest }
    case '#':
      return { ...moment, what: 'fault', fault: 'SIGKILL relay' }
    case '^': {
      const place = { topic: 'orders', partition: 0, offset: Number(rest) }
      return { ...moment, what: 'mark', group: 'g', ...place }
    }
    default:
  }
  if (word.endsWith('!')) {
    const offset = offsets.get(name) ?? -1
    return { ...moment, what: 'handled', group: 'g', ...record, hash: name, offset }
  }
  const hash = word.endsWith('*') ? 'other' : name
  const offset = offsets.size
  offsets.set(offsets.has(name) ? `${name} again at ${at}` : name, offset)
  return { ...moment, what: 'read', ...record, hash, offset }
}

function kinds(words: string, mayRepeat = 0): string[] {
  return check(history(words), { mayRepeat }).map(({ kind }) => kind)
}

const sound = {
  'events of two keys': '>a1 +a1 >b1 +b1 >a2 +a2 b1 a1 a2',
  'overlapping transactions, either way': '>a1 >a2 +a1 +a2 a2 a1',
  'a transaction that began first and sent later': '>b1:t >a1 +a1 >a2:t +t b1 a1 a2',
  'a rolled back transaction that nobody sees': '>a1 -a1 >a2 +a2 a2',
  'an unknown outcome that committed': '>a1 ?a1 a1',
  'an unknown outcome that did not commit': '>a1 ?a1 >a2 +a2 a2',
  'a sender that died in between': '>a1 >a2 +a2 a1 a2',
  'an event that is blocked, and what waits behind it': '>a1 +a1 >a2 +a2 >b1 +b1 b1 =a1 =a2',
  'marks behind what is handled': '>a1 +a1 >b1 +b1 a1 b1 b1! a1! ^2',
  'a mark that is told again, and one that goes back': '>a1 +a1 a1 a1! ^1 ^0 ^1 a1!',
}
for (const [what, words] of Object.entries(sound)) {
  test(`the checker finds nothing wrong with ${what}`, () => assert.deepEqual(kinds(words), []))
}

const planted: [what: string, words: string, kind: string, shortest: string][] = [
  ['a lost event', '>a1 +a1 >a2 +a2 a2', 'loss', '>a1 +a1'],
  ['a lost event of many', '>a1:t >b1:t +t a1', 'loss', '>b1:t +t'],
  ['a duplicate', '>a1 +a1 >b1 +b1 a1 b1 a1', 'duplicate', 'a1 a1'],
  ['a duplicate after a fault', '>a1 +a1 a1 # a1', 'duplicate', 'a1 # a1'],
  ['a swap', '>a1 +a1 >a2 +a2 >a3 +a3 a2 a1 a3', 'order', '>a1 +a1 >a2 a2 a1'],
  ['a swap with an unknown outcome', '>a1 +a1 >a2 ?a2 a2 a1', 'order', '>a1 +a1 >a2 a2 a1'],
  ['a swap within a transaction', '>a1:t >a2:t +t a2 a1', 'order', '>a1:t >a2:t a2 a1'],
  ['a swap in the consumer', '>a1 +a1 >a2 +a2 a1 a2 a2! a1!', 'order', '>a1 +a1 >a2 a2! a1!'],
  ['an event that passed a blocked one', '>a1 +a1 >a2 +a2 a2 =a1', 'order', '>a1 +a1 >a2 a2 =a1'],
  ['a rolled back event', '>a1 -a1 a1', 'ghost', '>a1 -a1 a1'],
  ['an event that nobody sent', '>a1 +a1 a1 x1', 'ghost', 'x1'],
  ['a mark past an event', '>a1 +a1 >b1 +b1 a1 b1 b1! ^2', 'mark', 'a1 ^2'],
  ['a mark that comes too soon', '>a1 +a1 a1 ^1 a1! ^1', 'mark', 'a1 ^1 a1!'],
  ['changed bytes', '>a1 +a1 a1*', 'bytes', '>a1 a1*'],
]
for (const [what, words, kind, shortest] of planted) {
  test(`the checker finds ${what}, and shows no more than it takes`, () => {
    const [finding, ...others] = check(history(words), { mayRepeat: 0 })
    assert.deepEqual(others, [])
    assert.equal(finding?.kind, kind)
    const shown = finding.history.toSorted((a, b) => a.at - b.at)
    assert.deepEqual(shown.map(shape), history(shortest).map(shape))
  })
}

test('at least once, so many records may come again after each fault, and not one more', () => {
  const sent = '>a1 +a1 >b1 +b1 a1 b1'
  assert.deepEqual(kinds(`${sent} # a1 b1 # a1 b1`, 2), [])
  assert.deepEqual(kinds(`${sent} # a1 b1 a1`, 2), ['duplicate'])
  assert.deepEqual(kinds(`${sent} a1 #`, 2), ['duplicate'])
})

test('a page of findings counts each kind, and shows the shortest', () => {
  const page = describe(check(history('>a1:t >b1:t >c1:t +t >c2 +c2 c2 x1'), { mayRepeat: 0 }))
  assert.match(
    page,
    /^loss: 3, for example a1 was committed and is neither in orders nor blocked\n {2}\{.*"send"/,
  )
  assert.match(page, /\nghost: 1, for example x1 is in orders and was never sent\n {2}\{[^\n]*$/)
})

/** What an entry says, without when and where. */
function shape(entry: Entry): unknown[] {
  if ('uuid' in entry) return [entry.what, entry.uuid]
  return 'transaction' in entry ? [entry.what, entry.transaction] : [entry.what]
}
