import { isDeepStrictEqual } from 'node:util'
import { decodeBatch, decodeMessage, encodeEvents, encodeMessage } from '../../../../proxy/events/codec.ts'
import { examples } from '../../../../proxy/events/examples.ts'
import { mutated, type Random } from '../random.ts'
import { promise, type Target } from '../target.ts'

const all = Object.values(examples)
const names = [...new Set(all.flatMap((event) => Object.keys(event)))]

const strange: readonly unknown[] = [
  ...[1e300, -1, 0.1, 2 ** 53, 8.64e15 + 1, null, true, '', '__proto__', 'constructor', '\u0000', '\ud800'],
  ...['x'.repeat(5_000), [], {}, [[]], { length: -1 }, { toString: 1 }],
]

const event = (random: Random): unknown => {
  const one: Record<string, unknown> = { ...random.one(all) }
  for (let left = random.below(3); left > 0; left--) {
    const name = random.oneIn(3) ? random.one(names) : random.one(Object.keys(one))
    if (random.oneIn(4)) delete one[name]
    else one[name] = random.oneIn(4) ? random.one(Object.values(random.one(all))) : random.one(strange)
  }
  return random.oneIn(30) ? random.one(strange) : one
}

const message = (random: Random): string =>
  JSON.stringify({
    node: random.oneIn(20) ? random.one(strange) : 'node',
    boot: random.oneIn(20) ? random.one(strange) : 'boot',
    seq: random.oneIn(10) ? random.one(strange) : random.below(100),
    events: random.oneIn(30)
      ? random.one(strange)
      : Array.from({ length: random.below(5) }, () => event(random)),
  })

/** Input: the value of a message of `mtscope.events`. */
export const events: Target = {
  name: 'events',
  share: 170_000,
  open: () => ({
    make: (random) => {
      const bytes = Buffer.from(message(random))
      return random.oneIn(3) ? mutated(bytes, random) : bytes
    },
    run: (input) => {
      const text = input.toString()
      const decoded = decodeMessage(text)
      if ('error' in decoded) return decoded.error
      const { node, boot, seq } = decoded
      const again = decodeMessage(encodeMessage({ node, boot, seq, text: encodeEvents(decoded.events) }))
      promise(
        isDeepStrictEqual(again, { ...decoded, unreadable: [] }),
        'events that are not read as they are written',
      )
      const sent = JSON.parse(text) as { events: readonly unknown[] }
      promise(decoded.events.length === sent.events.length, 'another number of events')
      const row = decodeBatch({ node, boot, seq, count: 1, text: JSON.stringify(sent.events) })
      promise(isDeepStrictEqual(row.events, decoded.events), 'the event log is read otherwise than Kafka')
      return decoded.unreadable.map(({ why }) => why).sort()[0] ?? 'read'
    },
  }),
}
