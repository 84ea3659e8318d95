import assert from 'node:assert/strict'
import { it } from 'node:test'
import { fingerprint } from './fingerprint.ts'

it('errors that differ by uuids and numbers have one fingerprint', () => {
  const errors = [
    'event 0198f2c1-7a3b-7c11-9d0e-5b1c6f2e8a44 has 1,363,148 bytes, orders takes 1048588',
    'event 0198F2C1-0000-7c11-9d0e-5b1c6f2e8a44 has 7 bytes, orders takes 1.5',
  ]
  assert.deepEqual(
    errors.map((error) => fingerprint(error)),
    Array(2).fill('event * has * bytes, orders takes *'),
  )
})
