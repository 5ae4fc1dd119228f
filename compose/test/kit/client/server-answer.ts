import { createHmac } from 'node:crypto'
import { ciphers, type Hello, x25519, x25519MlKem768 } from './client-hello.ts'

const shareBytes = new Map([
  [x25519MlKem768, 1120],
  [x25519, 32],
  [0x0017, 65],
])

/**
 * Parses the answer to a fake-TLS hello as the apps do: ServerHello, one ChangeCipherSpec, exactly one ApplicationData, and a
 * signature over all of it. Undefined while bytes are missing. Throws where an app would give up, and on anything that a real
 * TLS 1.3 server does not send.
 */
export const readAnswer = (
  bytes: Buffer,
  hello: Hello,
  secret: Buffer,
): { length: number; certificateBytes: number; group: number } | undefined => {
  expect(bytes, 0, '160303', 'a ServerHello record')
  if (bytes.length < 5) return undefined
  const specAt = 5 + bytes.readUInt16BE(3)
  if (specAt > 5 + 1500) throw new Error('a ServerHello of more than 1500 bytes')
  expect(bytes, specAt, '140303000101170303', 'ChangeCipherSpec and ApplicationData')
  if (bytes.length < specAt + 11) return undefined
  const certificateBytes = bytes.readUInt16BE(specAt + 9)
  const length = specAt + 11 + certificateBytes
  if (certificateBytes > 16384 + 256) throw new Error('an ApplicationData record longer than TLS allows')
  if (bytes.length < length) return undefined
  const zeroed = Buffer.from(bytes.subarray(0, length))
  const reported = Buffer.from(zeroed.subarray(11, 43))
  zeroed.fill(0, 11, 43)
  const right = createHmac('sha256', secret).update(hello.random).update(zeroed).digest()
  if (!right.equals(reported)) throw new Error('the digest of the answer is wrong')
  return { length, certificateBytes, group: readServerHello(zeroed.subarray(5, specAt), hello) }
}

const expect = (bytes: Buffer, at: number, start: string, what: string): void => {
  const there = bytes.toString('hex', at, at + start.length / 2)
  if (!start.startsWith(there)) throw new Error(`no ${what}: ${there}`)
}

/** Returns the chosen group. RFC 8446 §4.1.3 */
const readServerHello = (handshake: Buffer, hello: Hello): number => {
  const length = handshake.readUIntBE(1, 3)
  if (handshake[0] !== 2 || length !== handshake.length - 4)
    throw new Error('no ServerHello of the record’s length')
  if (handshake.readUInt16BE(4) !== 0x0303) throw new Error('a ServerHello of another version')
  const suiteAt = 39 + handshake[38]!
  if (!handshake.subarray(39, suiteAt).equals(hello.sessionId))
    throw new Error('the session id was not echoed')
  if (!ciphers.slice(0, 3).includes(handshake.readUInt16BE(suiteAt)))
    throw new Error('a cipher that was not offered')
  if (handshake[suiteAt + 2] !== 0 || handshake.readUInt16BE(suiteAt + 3) !== handshake.length - suiteAt - 5)
    throw new Error('malformed extensions')
  const seen = new Map<number, Buffer>()
  for (let at = suiteAt + 5; at < handshake.length; ) {
    const end = at + 4 + handshake.readUInt16BE(at + 2)
    if (end > handshake.length) throw new Error('an extension beyond the ServerHello')
    seen.set(handshake.readUInt16BE(at), handshake.subarray(at + 4, end))
    at = end
  }
  if (seen.size !== 2 || seen.get(43)?.toString('hex') !== '0304')
    throw new Error('not a TLS 1.3 ServerHello')
  const share = seen.get(51)
  const group = share?.readUInt16BE(0) ?? 0
  if (!share || !hello.groups.includes(group))
    throw new Error(`a share for group ${group}, which has none here`)
  const expected = shareBytes.get(group) ?? 0
  if (share.readUInt16BE(2) !== expected || share.length !== 4 + expected)
    throw new Error('a key share of the wrong size')
  return group
}
