import { headroom, maxPayload, unwrapper, wrap } from '../../../../proxy/wire/records.ts'
import { mutated, piecesOf, type Random, randomOf } from '../random.ts'
import { promise, type Target } from '../target.ts'

const record = (type: number, body: Buffer): Buffer =>
  Buffer.concat([Buffer.from([type, 3, 3, body.length >> 8, body.length & 0xff]), body])

const stream = (random: Random): Buffer => {
  const parts = [record(0x14, Buffer.from([1]))].slice(random.below(2))
  for (let left = random.below(6); left > 0; left--)
    parts.push(record(0x17, random.bytes(random.oneIn(30) ? random.below(16_700) : random.below(80))))
  return Buffer.concat(parts)
}

/** Payload and end of a stream of records, written plainly: the payload until -1, and whether -1 came. */
const plainly = (bytes: Buffer): { payload: Buffer; broken: boolean } => {
  const parts: Buffer[] = []
  const ended = (broken: boolean) => ({ payload: Buffer.concat(parts), broken })
  for (let at = 0, first = true; at < bytes.length; first = false) {
    const [type, major, minor] = bytes.subarray(at, at + 3)
    if (type !== 0x17 && !(type === 0x14 && first)) return ended(true)
    if ((major ?? 3) !== 3 || (minor ?? 3) !== 3) return ended(true)
    if (at + 5 > bytes.length) return ended(false)
    const length = bytes.readUInt16BE(at + 3)
    const body = bytes.subarray(at + 5, at + 5 + length)
    if (length > (type === 0x17 ? maxPayload + 256 : 1)) return ended(true)
    if (type === 0x14 && (length === 0 || (body.length === 1 && body[0] !== 1))) return ended(true)
    if (type === 0x17) parts.push(body)
    at += 5 + length
  }
  return ended(false)
}

/** Input: a byte that seeds the pieces, and bytes behind a hello. */
export const records: Target = {
  name: 'records',
  share: 150_000,
  open: () => ({
    make: (random) => {
      const bytes = stream(random)
      return Buffer.concat([random.bytes(1), random.oneIn(4) ? bytes : mutated(bytes, random)])
    },
    run: (input) => {
      const bytes = input.subarray(1)
      const expected = plainly(bytes)
      const unwrap = unwrapper()
      const parts: Buffer[] = []
      let broken = false
      for (const piece of piecesOf(bytes, randomOf(input[0] ?? 0))) {
        const room = Buffer.from(piece)
        const end = unwrap(room, 0, room.length)
        broken = end < 0
        if (broken) break
        promise(end <= room.length, 'more payload than bytes')
        parts.push(room.subarray(0, end))
      }
      const payload = Buffer.concat(parts)
      promise(broken === expected.broken, `${broken ? 'broken' : 'whole'}, read plainly it is not`)
      // A piece that breaks delivers nothing of itself.
      promise(expected.payload.subarray(0, payload.length).equals(payload), 'another payload')
      promise(broken || payload.length === expected.payload.length, 'less payload')
      const wrapped = Buffer.alloc(payload.length + headroom(payload.length))
      payload.copy(wrapped)
      const end = wrap(wrapped, 0, payload.length)
      promise(plainly(wrapped.subarray(0, end)).payload.equals(payload), 'wrapped bytes are read otherwise')
      return `${broken ? 'broken' : 'whole'} ${payload.length === 0 ? 'empty' : payload.length > maxPayload ? 'long' : 'short'}`
    },
  }),
}
