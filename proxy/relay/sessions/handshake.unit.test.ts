import { randomBytes } from 'node:crypto'
import * as fc from 'fast-check'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { clientHello, inRecords } from '../../../compose/test/kit/client/client-hello.ts'
import { initiate } from '../../../compose/test/kit/client/obfuscation.ts'
import { domainsWith } from '../../../compose/test/kit/relay/hand-relay.ts'
import { runs } from '../../../compose/test/kit/runs.ts'
import type { Mode } from '../../events/contract.ts'
import { type Decision, type Rules, readHandshake, readInnerOpening } from './handshake.ts'

const domain = 'mask.test'
const now = 1_790_000_000_000
const secret = Buffer.from('00112233445566778899aabbccddeeff', 'hex')

const rules = (changed: Partial<Rules> = {}): Rules => ({
  users: [{ name: 'one', secret }],
  asked: 0,
  modes: ['classic', 'secure', 'tls'],
  domains: domainsWith(null, domain),
  clockSkewSeconds: 120,
  knows: (id) => [2, -2, 10_002, 203].includes(id),
  ...changed,
})

const read = (bytes: Buffer, by: Rules = rules()): Decision => readHandshake(bytes, bytes.length, now, by)
const payload = (of = secret, dc = 2) => initiate('padded-intermediate', dc, of).bytes
const hello = (changed: Partial<Parameters<typeof clientHello>[0]> = {}): Buffer =>
  clientHello({ secret, domain, at: now / 1000, ...changed }).bytes

/** A decision in one line. */
const verdict = (decision: Decision): string =>
  decision.step === 'rejected'
    ? `${decision.reason}${decision.user ? ` ${decision.user}` : ''}`
    : decision.step === 'opened'
      ? `${decision.mode} ${decision.user.name} ${decision.opening.transport} ${decision.opening.dc}`
      : decision.step

/** The number of bytes that the decision needs. */
const decidedAt = (bytes: Buffer, by: Rules = rules()): number => {
  for (let length = 0; length <= bytes.length; length++) {
    if (readHandshake(bytes.subarray(0, length), length, now, by).step !== 'more') return length
  }
  return -1
}

test('64 bytes that a secret opens give mode, user, transport and datacenter', () => {
  for (const [transport, mode] of [
    ['abridged', 'classic'],
    ['intermediate', 'classic'],
    ['padded-intermediate', 'secure'],
  ] as const) {
    const { bytes } = initiate(transport, -2, secret)
    assert.is(verdict(read(bytes)), `${mode} one ${transport} -2`)
    assert.is(decidedAt(bytes), 64)
  }
})

test('a signed hello is accepted with its length, user, skew and print, however it is cut into records', () => {
  for (const postQuantum of [false, true]) {
    const whole = hello({ postQuantum, at: now / 1000 - 7 })
    for (const bytes of [whole, inRecords(whole, 3)]) {
      const decision = read(Buffer.concat([bytes, Buffer.from('behind')]))
      if (decision.step !== 'hello') throw new Error(verdict(decision))
      assert.equal(
        [decision.length, decision.user.name, decision.details.skewSeconds],
        [bytes.length, 'one', -7],
      )
      assert.match(decision.details.ja4!, /^t13d/)
      assert.is(decision.digest.length, 28)
      assert.is(decidedAt(bytes), bytes.length)
    }
  }
})

test('bytes are rejected for each reason', () => {
  const unauthenticatedClient = randomBytes(16)
  const tls = rules({ modes: ['tls'] })
  for (const [reason, bytes, by] of [
    ['bad-digest', hello({ secret: unauthenticatedClient }), rules()],
    ['unknown-user', payload(unauthenticatedClient), rules()],
    ['unknown-sni one', hello({ domain: 'other.test' }), rules()],
    ['mode-off one', payload(), rules({ modes: ['classic', 'tls'] })],
    ['mode-off one', initiate('abridged', 2, secret).bytes, rules({ modes: ['secure'] })],
    ['unknown-dc one', payload(secret, 77), rules()],
    ['unknown-dc one', payload(secret, 0), rules()],
    ['clock-skew one', hello({ at: now / 1000 + 121 }), rules()],
    ['clock-skew one', hello({ at: now / 1000 - 121 }), rules()],
    ['not-mtproto', Buffer.from('GET / HTTP/1.1\r\n'), rules()],
    ['not-mtproto', Buffer.from('SSH-2.0-OpenSSH'), tls],
    ['malformed-hello', Buffer.from('16030100050200000101', 'hex'), rules()],
    ['malformed-hello', Buffer.from('16030140010100', 'hex'), tls],
    ['not-mtproto', Buffer.from('160399', 'hex'), tls],
  ] as const) {
    assert.is(verdict(read(bytes, by)), reason)
  }
})

test('a client’s clock may be off by CLOCK_SKEW, and no second more', () => {
  for (const off of [-120, 0, 120]) assert.is(read(hello({ at: now / 1000 + off })).step, 'hello')
})

test('a rejected hello of a user still has its skew and print', () => {
  const decision = read(hello({ at: now / 1000 + 500 }))
  assert.ok(decision.step === 'rejected' && decision.skewSeconds === 500 && decision.ja4 !== undefined)
})

test('test and media datacenters have their own numbers', () => {
  for (const dc of [2, -2, 10_002, 203]) assert.is(read(payload(secret, dc)).step, 'opened')
  for (const dc of [10_009, -10_002, -203, 1000, 32_767, -32_768]) {
    assert.is(verdict(read(payload(secret, dc))), 'unknown-dc one')
  }
})

test('a name is compared as TDLib cuts it, in any case, and must be there', () => {
  const long = `${'a'.repeat(60)}.${'b'.repeat(60)}.${'c'.repeat(60)}.${'d'.repeat(60)}`
  const by = rules({ domains: domainsWith(null, long) })
  assert.is(read(hello({ domain: long.slice(0, 182) }), by).step, 'hello')
  assert.is(verdict(read(hello({ domain: long.slice(0, 181) }), by)), 'unknown-sni one')
  assert.is(read(hello({ domain: long }), by).step, 'hello')
  assert.is(verdict(read(hello({ domain: `${long}e` }), by)), 'unknown-sni one')
  assert.is(read(hello({ domain: 'Mask.TEST' })).step, 'hello')
})

test('with MODES=tls a client is rejected at its first byte that is not TLS', () => {
  const tls = rules({ modes: ['tls'] })
  assert.is(decidedAt(Buffer.from('GET /'), tls), 1)
  assert.is(decidedAt(Buffer.from('1604', 'hex'), tls), 2)
  assert.is(decidedAt(Buffer.from('160305', 'hex'), tls), 3)
  assert.is(decidedAt(Buffer.from('16030100000000', 'hex'), tls), 5)
  assert.is(decidedAt(Buffer.from('160301000402000000', 'hex'), tls), 9)
})

test('another protocol is recognised by its first 4 or 8 bytes, abridged by its first', () => {
  for (const start of ['HEAD / HTTP', 'POST / HTTP', 'GET / HTTP/', 'OPTIONS * H']) {
    assert.is(decidedAt(Buffer.from(start)), 4)
  }
  assert.is(decidedAt(Buffer.from('dddddddd0102030405', 'hex')), 4)
  assert.is(decidedAt(Buffer.from('0102030400000000ff', 'hex')), 8)
  assert.is(decidedAt(Buffer.from('ef01', 'hex')), 1)
})

test('a record other than a handshake and an SSL 2 hello are recognised by their whole header', () => {
  for (const [bytes, at] of [
    ['15030100020228', 5],
    ['1403030001 01', 5],
    ['1703034100ff', 5],
    ['18030200030100', 5],
    ['802e01000200150000', 5],
    ['802b010301001200', 5],
    ['17030341010000', -1],
    ['15030500020228', -1],
    ['1903010002', -1],
    ['802e02000200', -1],
    ['802e01000300', -1],
    ['802e01040100', -1],
  ] as const)
    assert.is(decidedAt(Buffer.from(bytes.replace(' ', ''), 'hex')), at, bytes)
})

test('text is recognised at the end of its first line, or by 16 bytes', () => {
  for (const [text, at] of [
    ['SSH-2.0-OpenSSH_9.6\r\n', 16],
    ['A'.repeat(63), 16],
    ['hello\n', 6],
    ['EHLO me\r\n', 9],
    ['\r\n\r\n\r\n', 6],
    ['hey\n', -1],
    ['hello?', -1],
    ['A'.repeat(15), -1],
    [`A\u0000${'A'.repeat(61)}`, -1],
    [`${'A'.repeat(14)}\u007f${'A'.repeat(48)}`, -1],
    ['hell\u00f6 world\n', -1],
  ] as const) {
    assert.is(decidedAt(Buffer.from(text, 'latin1')), at, text)
  }
  assert.is(verdict(read(Buffer.from('hello\n'))), 'not-mtproto')
})

test('without tls in MODES a signed hello is a user’s, and any other is treated as bytes', () => {
  const by = rules({ modes: ['classic', 'secure'] })
  assert.is(verdict(read(hello(), by)), 'mode-off one')
  assert.is(verdict(read(hello({ secret: randomBytes(16) }), by)), 'not-mtproto')
  assert.is(verdict(read(hello({ secret: randomBytes(16), postQuantum: true }), by)), 'unknown-user')
})

test('each of a hundred users is found, and the last one is tried first next time', () => {
  const users = Array.from({ length: 100 }, (_, i) => ({ name: `user-${i}`, secret: randomBytes(16) }))
  const by = rules({ users: [...users] })
  for (const [i, { name, secret: own }] of users.entries()) {
    const bytes = i % 2 === 0 ? payload(own) : hello({ secret: own })
    const decision = read(bytes, by)
    assert.ok(decision.step === 'opened' || decision.step === 'hello', verdict(decision))
    assert.is(decision.user.name, name)
    assert.is(by.users[0]!.name, name)
  }
  assert.equal(by.users.map(({ name }) => name).sort(), users.map(({ name }) => name).sort())
})

test('a user who is rejected for another reason is tried first next time as well', () => {
  const users = [
    { name: 'first', secret: randomBytes(16) },
    { name: 'second', secret },
  ]
  const by = rules({ users, modes: ['classic'] })
  assert.is(verdict(read(payload(), by)), 'mode-off second')
  assert.is(by.users[0]!.name, 'second')
})

test('the opening inside the records needs the secret that signed the hello, in each transport', () => {
  const user = { name: 'one', secret }
  assert.is(
    verdict(readInnerOpening(initiate('abridged', 2, secret).bytes, user, rules())),
    'tls one abridged 2',
  )
  assert.is(verdict(readInnerOpening(payload(secret, 9), user, rules())), 'unknown-dc one')
  assert.is(verdict(readInnerOpening(payload(randomBytes(16)), user, rules())), 'not-mtproto')
  assert.is(verdict(readInnerOpening(Buffer.alloc(3), user, rules())), 'not-mtproto')
})

test('a replayed payload has the same digest when bytes that no key covers were changed', () => {
  const bytes = payload()
  const again = Buffer.from(bytes)
  randomBytes(8).copy(again)
  again[0] = 0x55
  const [one, other] = [read(bytes), read(again)]
  assert.ok(one.step === 'opened' && other.step === 'opened' && one.digest.equals(other.digest))
})

const someRules: fc.Arbitrary<Rules> = fc
  .subarray<Mode>(['classic', 'secure', 'tls'], { minLength: 1 })
  .map((modes) => rules({ modes }))

/** Reads every prefix: after a decision no more bytes are asked for. */
const judgedThroughout = (bytes: Buffer, by: Rules): Decision => {
  let last: Decision = { step: 'more' }
  for (let length = 0; length <= bytes.length && last.step === 'more'; length++) {
    last = readHandshake(bytes.subarray(0, length), length, now, by)
  }
  return last
}

test('foreign bytes never throw and are never accepted', () => {
  const starts = fc.constantFrom(
    '',
    '16',
    '1603',
    '160301',
    '16030102000100',
    '16030302000100',
    'ef',
    '47455420',
  )
  fc.assert(
    fc.property(starts, fc.uint8Array({ maxLength: 300 }), someRules, (start, rest, by) => {
      const { step } = judgedThroughout(Buffer.concat([Buffer.from(start, 'hex'), rest]), by)
      assert.ok(step === 'more' || step === 'rejected')
    }),
  )
})

test('a hello with one bit changed never throws, and its signature matches no user', () => {
  const whole = hello()
  fc.assert(
    fc.property(fc.nat(whole.length * 8 - 1), (bit) => {
      const bytes = Buffer.from(whole)
      bytes[bit >> 3]! ^= 1 << (bit & 7)
      const decision = read(bytes)
      // The last four bytes of the random are the time, which is not signed.
      if (bit >> 3 >= 39 && bit >> 3 < 43) assert.is.not(decision.step, 'more')
      else assert.ok(decision.step === 'more' || decision.step === 'rejected', verdict(decision))
    }),
    { numRuns: runs(500) },
  )
})

test('hellos cut, doubled and spliced never throw', () => {
  const whole = hello({ postQuantum: true })
  const at = fc.nat(whole.length)
  fc.assert(
    fc.property(at, at, at, fc.uint8Array({ maxLength: 20 }), (a, b, c, noise) => {
      const bytes = Buffer.concat([whole.subarray(0, a), noise, whole.subarray(b), whole.subarray(c)])
      read(bytes)
      readInnerOpening(bytes, { name: 'one', secret }, rules())
    }),
    { numRuns: runs(500) },
  )
})

test('a valid payload gets the same decision however the wire splits it', () => {
  fc.assert(
    fc.property(fc.constantFrom(2, -2, 203), (dc) => {
      const bytes = payload(secret, dc)
      assert.is(verdict(judgedThroughout(bytes, rules())), `secure one padded-intermediate ${dc}`)
    }),
    { numRuns: runs(30) },
  )
})

test.run()
