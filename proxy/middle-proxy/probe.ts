import { connect } from 'node:net'
import type { Address } from '../datacenter/directory.ts'
import type { DialError } from '../events/contract.ts'
import { dialErrorOf } from '../net/dial-error.ts'
import { blockLength, portableBlockCipher } from '../wire/cbc.ts'
import type { Cipher } from '../wire/cipher.ts'
import type { Fill } from '../wire/random.ts'
import { FrameReader, frameHead, frameTail, frameWriter, readPlainFrame } from '../wire/rpc-frames.ts'
import { rpcKey } from '../wire/rpc-keys.ts'
import {
  handshakeOf,
  isHandshake,
  nonceLength,
  nonceOf,
  pingOf,
  readMessage,
  readNonce,
} from '../wire/rpc-messages.ts'
import { addressBytes, type OurAddress, seenAddress } from './directory.ts'

/**
 * `tcpMs`: until the TCP connection; `handshakeMs`: from our nonce to the handshake of the middle proxy; `pingMs`: ping → pong.
 */
export type Probe =
  | { readonly ok: true; readonly tcpMs: number; readonly handshakeMs: number; readonly pingMs: number }
  | { readonly ok: false; readonly error: DialError }

type Options = {
  readonly address: Address
  readonly secret: Uint8Array
  readonly ourAddress: OurAddress
  readonly random: Fill
  readonly timeoutMs: number
  readonly signal: AbortSignal
}

/** A longer first answer is not a nonce frame. */
const longestNonce = 4_096

type Phase = 'nonce' | 'handshake' | 'ping'

/** The conversation over one socket: bytes in, bytes out, and the steps that are reached. */
const conversation = (
  { secret: published, random }: Options,
  ends: { readonly local: () => { address: Buffer; port: number }; readonly server: Address },
  write: (bytes: Buffer) => void,
  reached: (phase: Phase) => void,
  fail: (error: DialError) => void,
) => {
  const secret = Buffer.from(published)
  const nonce = Buffer.alloc(nonceLength)
  random(nonce, 0, nonceLength)
  const clientTime = Math.floor(Date.now() / 1000)
  const frames = frameWriter()
  let phase: Phase = 'nonce'
  let held = Buffer.alloc(0)
  let encrypt: Cipher | null = null
  let decrypt: Cipher | null = null

  const send = (payload: Buffer): void => {
    const bytes = Buffer.alloc(frameHead + payload.length + frameTail)
    payload.copy(bytes, frameHead)
    const end = frames.complete(bytes, 0, frameHead + payload.length)
    encrypt?.apply(bytes, 0, end)
    write(bytes.subarray(0, end))
  }
  const next = (to: Phase, payload: Buffer): void => {
    reached(phase)
    phase = to
    send(payload)
  }
  const reader = new FrameReader({
    begins: () => {},
    bytes: () => {},
    complete: () => {},
    message: (payload) => {
      if (phase === 'handshake') isHandshake(payload) ? next('ping', pingOf(1)) : fail('protocol')
      else if (readMessage(payload).type === 'pong') reached('ping')
    },
  })
  const exchangeKeys = (serverNonce: Buffer): void => {
    const server = { address: addressBytes(ends.server.host), port: ends.server.port }
    const seed = { secret, clientNonce: nonce, serverNonce, clientTime, client: ends.local(), server }
    const [up, down] = [rpcKey(seed, 'CLIENT'), rpcKey(seed, 'SERVER')]
    encrypt = portableBlockCipher('encrypt', up.key, up.iv)
    decrypt = portableBlockCipher('decrypt', down.key, down.iv)
  }
  const readFirst = (): void => {
    const frame = readPlainFrame(held)
    if (frame === 'more') return held.length > longestNonce ? fail('protocol') : undefined
    const answer = typeof frame === 'string' ? null : readNonce(frame.payload, secret)
    if (typeof frame === 'string' || answer === null || !answer.ok) return fail('protocol')
    held = Buffer.from(held.subarray(frame.used))
    exchangeKeys(answer.nonce)
    next('handshake', handshakeOf())
  }
  return {
    start: () => send(nonceOf(secret, clientTime, nonce)),
    received: (bytes: Buffer): void => {
      held = Buffer.concat([held, bytes])
      if (decrypt === null) readFirst()
      const whole = held.length - (held.length % blockLength)
      if (decrypt === null || whole === 0) return
      const blocks = Buffer.from(held.subarray(0, whole))
      held = held.subarray(whole)
      decrypt.apply(blocks, 0, whole)
      if (reader.read(blocks, 0, whole) !== null) fail('protocol')
    },
  }
}

/**
 * Probes one middle proxy as a connection of clients begins: nonces, handshake, then a ping. Never rejects. A wrong key, as with
 * another address than Telegram sees, is `protocol` or `reset`.
 */
export const probe = (options: Options): Promise<Probe> => {
  const { address, ourAddress, timeoutMs, signal } = options
  const { promise, resolve } = Promise.withResolvers<Probe>()
  const started = performance.now()
  const at: Partial<Record<Phase | 'connected', number>> = {}
  const socket = connect({ host: address.host, port: address.port, noDelay: true })
  const settle = (outcome: Probe): void => {
    clearTimeout(timer)
    signal.removeEventListener('abort', stop)
    socket.destroy()
    resolve(outcome)
  }
  const fail = (error: DialError): void => settle({ ok: false, error })
  const stop = (): void => fail('other')
  const timer = setTimeout(() => fail('timeout'), timeoutMs)
  signal.addEventListener('abort', stop, { once: true })

  const reached = (phase: Phase): void => {
    at[phase] = performance.now()
    const { connected = 0, handshake = 0, ping } = at
    if (ping === undefined) return
    settle({
      ok: true,
      tcpMs: connected - started,
      handshakeMs: handshake - connected,
      pingMs: ping - handshake,
    })
  }
  const local = () => ({
    address: seenAddress(addressBytes(socket.localAddress ?? '0.0.0.0'), ourAddress),
    port: socket.localPort ?? 0,
  })
  const talk = conversation(
    options,
    { local, server: address },
    (bytes) => socket.write(bytes),
    reached,
    fail,
  )
  socket.on('connect', () => {
    at.connected = performance.now()
    talk.start()
  })
  socket.on('data', talk.received)
  socket.on('error', (error: NodeJS.ErrnoException) => fail(dialErrorOf(error.code)))
  socket.on('end', () => fail('reset'))
  return promise
}
