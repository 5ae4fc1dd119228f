import fc from 'fast-check'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { runs } from '../../compose/test/kit/runs.ts'
import { type Login, type Socks5Step, socks5 } from './socks5.ts'

const hex = (text: string): Buffer => Buffer.from(text.replaceAll(' ', ''), 'hex')
const four = Buffer.from([149, 154, 167, 51])
const six = hex('2001067c04e8f002000000000000000a')
const login: Login = { user: 'ann', password: 'word' }

/** What the client sends, and how it ends, when the server answers with `answers`, each cut at some shares of it. */
const talk = (
  answers: readonly Buffer[],
  {
    address = four,
    as = null,
    cuts = [],
  }: { address?: Buffer; as?: Login | null; cuts?: readonly number[] } = {},
): { sent: Buffer; end: Socks5Step } => {
  const protocol = socks5(address, 443, as)
  const sent = [protocol.greeting]
  let end: Socks5Step = 'wait'
  for (const answer of answers) {
    const edges = [0, ...cuts.map((share) => Math.floor(share * answer.length)), answer.length].sort(
      (a, b) => a - b,
    )
    for (let i = 1; i < edges.length; i++) {
      // No link delivers nothing.
      if (edges[i] === edges[i - 1]) continue
      const buffer = Buffer.concat([
        Buffer.alloc(3, 0xbb),
        answer.subarray(edges[i - 1], edges[i]),
        Buffer.alloc(3, 0xcc),
      ])
      end = protocol.take(buffer, 3, buffer.length - 3)
      if (typeof end === 'object' && 'failure' in end) return { sent: Buffer.concat(sent), end }
      if (typeof end === 'object') sent.push(end.send)
    }
  }
  return { sent: Buffer.concat(sent), end }
}

const reply = '05 00 00 01 7f000001 1f90'

test('the bytes without a login are those of RFC 1928', () => {
  const { sent, end } = talk([hex('05 00'), hex(reply)])
  assert.is(sent.toString('hex'), '050100' + '05010001959aa73301bb')
  assert.is(end, 'connected')
})

test('the bytes with user and password are those of RFC 1929', () => {
  const { sent, end } = talk([hex('05 02'), hex('01 00'), hex(reply)], { as: login })
  assert.is(sent.toString('hex'), '05020002' + '0103616e6e04776f7264' + '05010001959aa73301bb')
  assert.is(end, 'connected')
})

test('an IPv6 address is asked for as such', () => {
  const address = six
  const { sent } = talk([hex('05 00')], { address })
  assert.is(sent.subarray(3).toString('hex'), `05010004${address.toString('hex')}01bb`)
})

test('a server that needs no login gets none', () => {
  assert.is(
    talk([hex('05 00'), hex(reply)], { as: login })
      .sent.toString('hex')
      .includes('776f7264'),
    false,
  )
})

for (const [name, text] of [
  ['IPv4', reply],
  ['IPv6', `05 00 00 04 ${'20'.repeat(16)} 1f90`],
  ['a name', '05 00 00 03 07 6d792e686f7374 1f90'],
  ['an empty name', '05 00 00 03 00 1f90'],
  ['the longest name', `05 00 00 03 ff ${'61'.repeat(255)} 1f90`],
] as const)
  test(`a reply with ${name} connects, cut anywhere`, () => {
    fc.assert(
      fc.property(fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { maxLength: 8 }), (cuts) => {
        const answers = [hex('05 02'), hex('01 00'), hex(text)]
        assert.is(talk(answers, { as: login, cuts }).end, 'connected')
      }),
      { numRuns: runs(50) },
    )
  })

for (const [code, failure] of [
  [1, 'failed'],
  [2, 'denied'],
  [3, 'unreachable'],
  [4, 'unreachable'],
  [5, 'refused'],
  [6, 'expired'],
  [7, 'protocol'],
  [8, 'unreachable'],
  [9, 'protocol'],
  [255, 'protocol'],
] as const)
  test(`reply ${code} is ${failure}, even when nothing follows it`, () => {
    assert.equal(talk([hex('05 00'), Buffer.from([5, code])]).end, { failure })
  })

for (const [what, answers, failure, as] of [
  ['no method that we offer', ['05 ff'], 'login', login],
  ['a login that we do not have', ['05 02'], 'login', null],
  ['another login', ['05 02', '01 01'], 'login', login],
  ['a method that we did not offer', ['05 01'], 'protocol', login],
  ['SOCKS4', ['00 5a'], 'protocol', null],
  ['HTTP', ['48 54 54 50'], 'protocol', null],
  ['a reply before the request', ['05 00 05 00 00 01 7f000001 1f90'], 'protocol', null],
  ['bytes behind the reply', ['05 00', `${reply} 00`], 'protocol', null],
  ['an unknown type of address', ['05 00', '05 00 00 02 7f000001 1f90'], 'protocol', null],
  ['more bytes than any reply has', ['05 00', `05 00 00 03 ff ${'61'.repeat(300)}`], 'protocol', null],
] as const)
  test(`a server that answers with ${what} fails as ${failure}`, () => {
    assert.equal(talk(answers.map(hex), { as }).end, { failure })
  })

test('any login and address are read back as they are, and no answer of any bytes throws', () => {
  const word = fc.string({ unit: 'binary', minLength: 1, maxLength: 60 })
  const address = fc
    .constantFrom(4, 16)
    .chain((length) => fc.uint8Array({ minLength: length, maxLength: length }))
  fc.assert(
    fc.property(word, word, address, fc.uint8Array({ maxLength: 600 }), (user, password, bytes, noise) => {
      const { sent } = talk([hex('05 02'), hex('01 00')], {
        as: { user, password },
        address: Buffer.from(bytes),
      })
      const name = sent.subarray(6, 6 + sent[5]!)
      const at = 6 + name.length
      assert.is(name.toString(), Buffer.from(user).toString())
      assert.is(sent.subarray(at + 1, at + 1 + sent[at]!).toString(), Buffer.from(password).toString())
      assert.equal(sent.subarray(-2 - bytes.length, -2), Buffer.from(bytes))
      talk([Buffer.from(noise)])
      talk([hex('05 00'), Buffer.from(noise)])
      talk([hex('05 02'), Buffer.from(noise)], { as: login })
    }),
    { numRuns: runs(300) },
  )
})

test.run()
