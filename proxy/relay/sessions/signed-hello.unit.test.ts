import { randomBytes } from 'node:crypto'
import * as fc from 'fast-check'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { clientHello, sign } from '../../../compose/test/kit/client/client-hello.ts'
import { helloOf, oddHellos, partsOf, signedAgain } from '../../../compose/test/kit/client/odd-hellos.ts'
import { domain, domainsWith, relaying, secret } from '../../../compose/test/kit/relay/hand-relay.ts'
import type { Mode } from '../../events/contract.ts'
import { randomPool } from '../../wire/random.ts'
import { parseServerAnswer } from '../../wire/server-answer.ts'
import { answer, usualFlight } from '../../wire/server-hello.ts'
import { type Decision, type Rules, readHandshake, unfinished } from './handshake.ts'

// Only a user can sign a hello: a signed hello is answered, whatever else is wrong with it.

const now = 1_790_000_000_000
const random = randomPool()

const rules = (modes: readonly Mode[] = ['classic', 'secure', 'tls']): Rules => ({
  users: [
    { name: 'another', secret: Buffer.alloc(16, 1) },
    { name: 'one', secret },
  ],
  asked: 0,
  modes,
  domains: domainsWith(null),
  clockSkewSeconds: 120,
  knows: () => true,
})
const read = (bytes: Buffer, by: Rules = rules()): Decision => readHandshake(bytes, bytes.length, now, by)
const hello = (postQuantum = false): Buffer =>
  clientHello({ secret, domain, at: now / 1000, postQuantum }).bytes

for (const postQuantum of [false, true]) {
  const whole = clientHello({ secret, domain, at: now / 1000, postQuantum })
  for (const [what, odd] of Object.entries(oddHellos)) {
    test(`${postQuantum ? 'post-quantum' : 'classic'}, ${what}: answered when signed, forwarded to the masking host when not`, () => {
      for (const modes of [['tls'], ['classic', 'secure', 'tls']] as const) {
        const bytes = odd(whole.bytes)
        const { bytes: signed } = signedAgain(whole, bytes, secret, now / 1000)
        const decision = read(signed, rules(modes))
        if (decision.step !== 'hello') throw new Error(JSON.stringify(decision))
        assert.equal([decision.user.name, decision.length], ['one', signed.length])
        const { bytes: unsigned } = signedAgain(whole, bytes, Buffer.alloc(16), now / 1000)
        const refused = read(unsigned, rules(modes))
        if (what !== 'a message longer than its record') assert.is(refused.step, 'rejected')
        if (refused.step === 'rejected' && !what.includes('record of version'))
          assert.ok(['bad-digest', 'malformed-hello'].includes(refused.reason), refused.reason)
      }
    })
  }
}

test('a malformed hello without a valid signature has its fingerprint where it is readable', () => {
  const whole = clientHello({ secret: randomBytes(16), domain })
  const print = (what: string) => {
    const decision = read(oddHellos[what]!(whole.bytes))
    return decision.step === 'rejected' ? [decision.reason, decision.ja4?.slice(0, 4)] : decision.step
  }
  assert.equal(print('two extensions 0x0a0a'), ['malformed-hello', 't13d'])
  assert.equal(print('a block of extensions too short'), ['malformed-hello', 't13d'])
  assert.equal(print('a record of 16 KiB'), ['bad-digest', 't13d'])
  assert.equal(print('a session id that never ends'), ['malformed-hello', undefined])
})

test('an unfinished hello is malformed, and other bytes are not MTProto', () => {
  const tls = rules(['tls'])
  assert.is(unfinished(hello().subarray(0, 60), tls), 'malformed-hello')
  assert.is(unfinished(Buffer.from([0x16]), tls), 'malformed-hello')
  assert.is(unfinished(Buffer.from('GET'), tls), 'not-mtproto')
  assert.is(unfinished(hello().subarray(0, 60), rules(['secure'])), 'not-mtproto')
})

/** Any change of a hello: bytes, extensions, size. */
const mutations: fc.Arbitrary<(bytes: Buffer) => Buffer> = fc.oneof(
  fc
    .array(fc.tuple(fc.nat(), fc.nat(255)), { minLength: 1, maxLength: 6 })
    .map((changes) => (bytes: Buffer) => {
      const copy = Buffer.from(bytes)
      for (const [at, value] of changes) copy[at % copy.length] = value
      return copy
    }),
  fc
    .tuple(
      fc.nat(),
      fc.nat(),
      fc.nat(65_535),
      fc.uint8Array({ maxLength: 3000 }),
      fc.nat(2),
      fc.integer({ min: -9, max: 9 }),
    )
    .map(([from, to, type, body, removed, block]) => (bytes: Buffer) => {
      const { head, extensions } = partsOf(bytes)
      const moved = extensions[from % extensions.length]!
      extensions.splice(to % extensions.length, removed, moved, { type, body: Buffer.from(body) })
      return helloOf({ head, extensions }, block)
    }),
  fc.tuple(fc.nat(), fc.uint8Array({ maxLength: 16_000 })).map(([at, more]) => (bytes: Buffer) => {
    const cut = 43 + (at % (bytes.length - 43))
    const copy = Buffer.concat([bytes.subarray(0, cut), more, bytes.subarray(cut)])
    copy.writeUInt16BE(copy.length - 5, 3)
    return copy
  }),
  fc.nat().map((at) => (bytes: Buffer) => {
    const copy = Buffer.from(bytes.subarray(0, 43 + (at % (bytes.length - 43))))
    copy.writeUInt16BE(copy.length - 5, 3)
    return copy
  }),
)

/** The two exceptions: bytes that do not begin as TLS, and a record of another length than the signed bytes. */
const framed = (bytes: Buffer): boolean =>
  bytes[0] === 0x16 && bytes.readUInt16BE(3) === bytes.length - 5 && bytes.length <= 5 + 16_384

/** `more`: a record longer than the bytes that come waits, and is rejected with `timeout`. */
const exceptions = ['more', 'not-mtproto', 'unknown-user', 'malformed-hello', 'bad-digest']

test('a hello that is changed and signed again is answered, asks for another name, or is a named exception', () => {
  fc.assert(
    fc.property(
      fc.boolean(),
      fc.array(mutations, { minLength: 1, maxLength: 3 }),
      fc.constantFrom<Mode[]>(['tls'], ['classic', 'secure', 'tls']),
      (postQuantum, changes, modes) => {
        let bytes = hello(postQuantum)
        try {
          for (const change of changes) bytes = change(bytes)
        } catch {
          // These bytes are not a hello any more: nothing left to change.
        }
        bytes.fill(0, 11, 43)
        sign(bytes, secret, now / 1000)
        const decision = read(bytes, rules(modes))
        if (decision.step === 'hello') {
          const answered = parseServerAnswer(
            answer({ hello: decision.hello, secret, flight: usualFlight, random }),
          )
          assert.ok(typeof answered !== 'string' && answered.whole && answered.records.length === 1)
          return assert.is(decision.length, bytes.length)
        }
        const reason = decision.step === 'rejected' ? decision.reason : decision.step
        const user = decision.step === 'rejected' ? decision.user : undefined
        if (framed(bytes)) assert.equal([reason, user], ['unknown-sni', 'one'])
        else assert.ok(exceptions.includes(reason), reason)
      },
    ),
    { numRuns: 1000 },
  )
})

type Proxy = ReturnType<typeof relaying>

test('the rejection of a correctly signed hello has its user, fingerprint and skew', () => {
  const { bytes } = clientHello({ secret, domain })
  for (const [reason, refuse] of [
    ['replayed', (proxy: Proxy) => [bytes, bytes].map((again) => proxy.arrives().sends(again))],
    ['clock-skew', (proxy: Proxy) => proxy.arrives().sends(clientHello({ secret, domain, at: 1 }).bytes)],
    ['unknown-sni', (proxy: Proxy) => proxy.arrives().sends(clientHello({ secret, domain: 'b.test' }).bytes)],
    [
      'not-mtproto',
      (proxy: Proxy) => {
        const client = proxy.arrives()
        client.sends(bytes)
        client.sends('no record')
      },
    ],
    [
      'timeout',
      (proxy: Proxy) => {
        proxy.arrives().sends(bytes)
        for (let ms = 0; ms < 700_000; ms += 1_000) proxy.at(ms)
      },
    ],
  ] as const) {
    const proxy = relaying()
    refuse(proxy)
    const reported = proxy.events.filter((event) => event.type === 'handshake.rejected')
    assert.equal(
      reported.map((event) => [event.reason, event.user, typeof event.skewSeconds, event.ja4?.slice(0, 4)]),
      [[reason, 'one', 'number', 't13d']],
    )
    proxy.relay.closeAll()
  }
})

test.run()
