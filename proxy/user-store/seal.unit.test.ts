import { randomBytes } from 'node:crypto'
import * as fc from 'fast-check'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { runs } from '../../compose/test/kit/runs.ts'
import { strongSecret } from '../users/secret.ts'
import type { ManagedUser } from './managed-user.ts'
import { seal, sealingKey, unseal } from './seal.ts'
import { topicState } from './topic-state.ts'

const key = sealingKey(randomBytes(32))
const userOf = (name: string): ManagedUser => ({
  ...{ name, secret: strongSecret(), enabled: true, limits: { quotaDay: 5, expiresAt: 1_800_000_000_000 } },
  ...{ addedAt: 1_795_000_000_000, changedAt: 1_795_000_000_001, by: 'cli' },
})
const message = (name: string, value: string | null) => ({
  key: Buffer.from(name),
  value: value === null ? null : Buffer.from(value),
})

test('a sealed user opens with the key, and holds neither secret, name nor limits in clear', () => {
  const user = userOf('Alice')
  const sealed = seal(user, key)
  const opened = unseal('alice', sealed, key, 0)
  assert.ok(opened.ok)
  assert.equal({ ...opened.user, secret: opened.user.secret.hex() }, { ...user, secret: user.secret.hex() })
  const hex = user.secret.hex()
  for (const text of ['Alice', 'quotaDay', hex, Buffer.from(hex, 'hex').toString('base64').slice(0, 20)])
    assert.not(sealed.includes(text))
  assert.is.not(seal(user, key), sealed)
})

test('another key, another name and any changed bit are refused with their reason', () => {
  const sealed = seal(userOf('alice'), key)
  assert.equal(unseal('alice', sealed, sealingKey(randomBytes(32)), 0), { ok: false, reason: 'key' })
  assert.equal(unseal('bob', sealed, key, 0), { ok: false, reason: 'record' })
  const whole = JSON.parse(sealed) as { sealed: string }
  const bytes = Buffer.from(whole.sealed, 'base64')
  for (let at = 0; at < bytes.length * 8; at += 7) {
    const changed = Buffer.from(bytes)
    changed[at >> 3]! ^= 1 << (at & 7)
    const text = JSON.stringify({ ...whole, sealed: changed.toString('base64') })
    assert.equal(unseal('alice', text, key, 0), { ok: false, reason: 'record' })
  }
})

test('no record throws, and no record that was not sealed with the key opens', () => {
  const values = fc.oneof(fc.string({ unit: 'binary' }), fc.json(), fc.constant(seal(userOf('bob'), key)))
  fc.assert(
    fc.property(fc.array(fc.tuple(fc.string({ unit: 'binary' }), fc.option(values))), (messages) => {
      const state = topicState(key, new Map())
      state.take(messages.map(([name, value]) => message(name, value)))
      assert.ok([...state.users.keys()].every((name) => name === 'bob'))
    }),
    { numRuns: runs(300) },
  )
})

test('a damaged record leaves the last good user of its name, here or in an earlier state, and is counted', () => {
  const [alice, bob] = [userOf('alice'), userOf('bob')]
  const good = new Map([['bob', seal(bob, key)]])
  const state = topicState(key, good)
  state.take([
    message('alice', seal(alice, key)),
    message('alice', 'junk'),
    message('bob', seal(bob, sealingKey(randomBytes(32)))),
    message('carol', '{"v":1}'),
    message('.quota', 'of another kind'),
    message('', 'no name'),
  ])
  assert.equal([...state.users.keys()].sort(), ['alice', 'bob'])
  assert.equal(state.damage, { record: 3, key: 1, clash: 0 })
  assert.equal([...state.unusable.keys()].sort(), ['alice', 'bob', 'carol'])
  assert.equal([...state.records.keys()].sort(), ['alice', 'bob'])
  state.take([message('alice', null), message('carol', null), message('bob', good.get('bob')!)])
  assert.equal([...state.users.keys()], ['bob'])
  assert.is(state.unusable.size, 0)
})

test('a record with the secret of another user is refused, until that user is gone', () => {
  const alice = userOf('alice')
  const twin = { ...userOf('twin'), secret: alice.secret }
  const state = topicState(key, new Map())
  state.take([message('alice', seal(alice, key)), message('twin', seal(twin, key))])
  assert.equal([...state.users.keys()], ['alice'])
  assert.is(state.damage.clash, 1)
  state.take([message('alice', null), message('twin', seal(twin, key))])
  assert.equal([...state.users.keys()], ['twin'])
})

test.run()
