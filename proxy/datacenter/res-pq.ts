import { randomBytes } from 'node:crypto'
import type { Socket } from 'node:net'
import type { UpstreamError } from '../events/contract.ts'
import { dialErrorOf } from '../net/dial-error.ts'
import { portableCipher } from '../wire/cipher.ts'
import { openingFor } from '../wire/obfuscated2.ts'
import type { Fill } from '../wire/random.ts'
import type { Address } from './directory.ts'
import { socketThrough } from './socket-through.ts'
import type { Upstream } from './upstream.ts'

/**
 * `tcpMs`: until the TCP connection; `resPqMs`: from `req_pq_multi` to `resPQ`. `serverAt` is the clock of the datacenter in its
 * answer, epoch ms; null when the answer has no plausible time.
 */
export type Probe =
  | { readonly ok: true; readonly tcpMs: number; readonly resPqMs: number; readonly serverAt: number | null }
  | Failure
/** `hop`: the upstream failed, and the datacenter was not reached. */
type Failure = {
  readonly ok: false
  readonly error: UpstreamError
  readonly hop?: 'upstream'
}

// https://core.telegram.org/mtproto/auth_key#dh-exchange-initiation
const reqPqMulti = 0xbe7e8ef1
const resPq = 0x05162463

// A resPQ has about 100 bytes; a longer answer is not from a datacenter.
const longestAnswer = 1024

/** `req_pq_multi` in an unencrypted message, in one frame of the intermediate transport. */
export const askPq = (nonce: Buffer, atMs: number): Buffer => {
  const frame = Buffer.alloc(44)
  frame.writeUInt32LE(40, 0)
  // auth_key_id stays zero: unencrypted. A message id is unix time · 2^32, divisible by 4 from a client.
  frame.writeUInt32LE((((atMs % 1000) * 4_294_967) & ~3) >>> 0, 12)
  frame.writeUInt32LE(Math.floor(atMs / 1000), 16)
  frame.writeUInt32LE(20, 20)
  frame.writeUInt32LE(reqPqMulti, 24)
  nonce.copy(frame, 28)
  return frame
}

/** Whether the bytes are the `resPQ` for this nonce; null while they are incomplete. */
export const answersPq = (bytes: Buffer, nonce: Buffer): boolean | null => {
  if (bytes.length < 4) return null
  const length = bytes.readUInt32LE(0)
  if (length < 40 || length > longestAnswer) return false
  if (bytes.length < 4 + length) return null
  const unencrypted = bytes.readBigUInt64LE(4) === 0n
  return unencrypted && bytes.readUInt32LE(24) === resPq && bytes.subarray(28, 44).equals(nonce)
}

const firstTime = Date.UTC(2020, 0)

/** The time in the message id of an answer: unix time · 2^32. https://core.telegram.org/mtproto/description#message-identifier-msg-id */
const serverAt = (answer: Buffer): number | null => {
  const ms = Math.round(answer.readUInt32LE(16) * 1_000 + answer.readUInt32LE(12) / 4_294_967.296)
  return ms >= firstTime ? ms : null
}

export type ProbeOptions = {
  readonly address: Address
  /** The number that clients send: 2, -2 … */
  readonly id: number
  readonly random: Fill
  readonly timeoutMs: number
  readonly signal: AbortSignal
  /** Ready, and with a source for the address; absent or null: none. */
  readonly upstream?: Upstream | null
}

/**
 * Probes one address as a client begins: an obfuscated connection and `req_pq_multi`; closes before a key is exchanged. Never
 * rejects. An address with any other answer is `protocol`.
 */
export const probe = (options: ProbeOptions): Promise<Probe> => {
  const { address, id, random, timeoutMs, signal, upstream = null } = options
  const { promise, resolve } = Promise.withResolvers<Probe>()
  const nonce = randomBytes(16)
  const own = openingFor({ tag: 'intermediate', dc: id, fast: null, random })
  const started = performance.now()
  let connectedAt = 0
  let askedAt = 0
  let answer = Buffer.alloc(0)

  const settle = (outcome: Probe): void => {
    clearTimeout(timer)
    signal.removeEventListener('abort', stop)
    end()
    resolve(outcome)
  }
  const fail = (error: UpstreamError, hop: 'upstream' | 'datacenter' = 'datacenter'): void =>
    settle({ ok: false, error, ...(hop === 'upstream' ? { hop } : {}) })
  const stop = (): void => fail('other')
  // A SOCKS5 server has to answer even when the datacenter does not.
  const late = (): void =>
    fail('timeout', connectedAt === 0 && upstream?.kind === 'socks5' ? 'upstream' : 'datacenter')
  const timer = setTimeout(late, timeoutMs)
  signal.addEventListener('abort', stop, { once: true })

  const incoming = portableCipher(own.decryptKey, own.decryptIv)
  const take = (bytes: Buffer): void => {
    incoming.apply(bytes, 0, bytes.length)
    answer = Buffer.concat([answer, bytes])
    const right = answersPq(answer, nonce)
    if (right === false) fail('protocol')
    else if (right) {
      settle({
        ok: true,
        tcpMs: connectedAt - started,
        resPqMs: performance.now() - askedAt,
        serverAt: serverAt(answer),
      })
    }
  }
  const ready = (socket: Socket): void => {
    connectedAt = performance.now()
    const request = askPq(nonce, Date.now())
    portableCipher(own.encryptKey, own.encryptIv).apply(request, 0, request.length)
    askedAt = performance.now()
    socket.on('data', take)
    socket.on('error', (error: NodeJS.ErrnoException) => fail(dialErrorOf(error.code)))
    socket.on('end', () => fail('reset'))
    socket.write(Buffer.concat([own.payload, request]))
  }
  const end = socketThrough(upstream, address, { ready, failed: ({ error, hop }) => fail(error, hop) })
  return promise
}
