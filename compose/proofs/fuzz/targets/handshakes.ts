import { type Rules, readHandshake, readInnerOpening } from '../../../../proxy/relay/sessions/handshake.ts'
import { ja4 } from '../../../../proxy/wire/ja4.ts'
import { randomPool } from '../../../../proxy/wire/random.ts'
import { fullRecords, unwrapper } from '../../../../proxy/wire/records.ts'
import { parseServerAnswer } from '../../../../proxy/wire/server-answer.ts'
import { answer, usualFlight } from '../../../../proxy/wire/server-hello.ts'
import { anyHandshake, domain, isSigned, nowMs, opens, secret } from '../hellos.ts'
import { piecesOf, randomOf } from '../random.ts'
import { promise, type Target } from '../target.ts'

const random = randomPool()

const rulesOf = (first: number): Rules => ({
  users: [
    { name: 'another', secret: Buffer.alloc(16, 1) },
    { name: 'one', secret },
  ],
  asked: 0,
  modes: [['tls'] as const, ['classic', 'secure'] as const, ['classic', 'secure', 'tls'] as const][
    first % 3
  ]!,
  domains: [{ name: domain, mask: null, flight: usualFlight, records: fullRecords }],
  clockSkewSeconds: 120,
  knows: (id) => id === 2,
})

/** The opening inside the records behind a hello. */
const inside = (rest: Buffer, rules: Rules): string => {
  const room = Buffer.from(rest)
  const end = unwrapper()(room, 0, room.length)
  if (end < 64) return end < 0 ? 'no records' : 'no payload'
  const payload = room.subarray(0, 64)
  const inner = readInnerOpening(payload, { name: 'one', secret }, rules)
  // The first eight bytes are in no key. Inside records they cannot be those of another protocol.
  const judged = Buffer.concat([Buffer.alloc(8, 1), payload.subarray(8)])
  promise(inner.step === 'rejected' || opens(judged) !== null, 'an opening that the secret does not open')
  return inner.step === 'rejected' ? inner.reason : inner.mode
}

/** Input: a byte that chooses the modes, a byte that seeds the pieces, and what the client sends. */
export const handshakes: Target = {
  name: 'handshakes',
  share: 280_000,
  open: () => ({
    make: (from) => Buffer.concat([from.bytes(2), anyHandshake(from)]),
    run: (input) => {
      const rules = rulesOf(input[0] ?? 0)
      const sent = input.subarray(2)
      let received = 0
      for (const piece of piecesOf(sent, randomOf(input[1] ?? 0))) {
        received += piece.length
        const bytes = Buffer.from(sent.subarray(0, received))
        const decision = readHandshake(bytes, received, nowMs, rules)
        if (decision.step === 'more') continue
        if (decision.step === 'rejected')
          return `rejected ${decision.reason}${decision.user === undefined ? '' : ' of a user'}`
        if (decision.step === 'opened') {
          promise(opens(bytes)?.dc === decision.opening.dc, 'an opening that the secret does not open')
          return `opened ${decision.mode} ${decision.opening.transport}`
        }
        promise(isSigned(bytes), 'a hello is accepted that the secret did not sign')
        const answered = parseServerAnswer(
          answer({ hello: decision.hello, secret, flight: usualFlight, random }),
        )
        promise(typeof answered !== 'string' && answered.whole, 'an answer without a server hello')
        promise(
          /^t\w\w[di]\d{4}\S\S_\w{12}_\w{12}$/.test(ja4(decision.hello)),
          'a fingerprint of another form',
        )
        return `hello ${decision.hello.form}, ${inside(sent.subarray(decision.length), rules)}`
      }
      return received === 0 ? 'nothing' : 'more'
    },
  }),
}
