import type { Socket } from 'node:net'
import { frame, unframe } from '../client/frames.ts'
import { answerPq, readMessage, testMessage } from '../client/messages.ts'
import { answer, type Opening } from '../client/obfuscation.ts'
import { sendPieces, type Total, tally } from '../client/pieces.ts'
import { ops, writeTotal } from '../client/wishes.ts'

/** How a datacenter treats its connections. It can change while the datacenter runs. */
export type Manner = {
  /**
   * `raw`: keeps the bytes and does not answer. `silent`: reads and does not answer. `reset`: answers every read, and every new
   * connection, with RST. `deaf`: does not read.
   */
  mood: 'normal' | 'raw' | 'silent' | 'reset' | 'deaf'
  /** Delay of each answer. */
  delayMs: number
}

/** One connection at the datacenter that has sent its opening. */
export type Served = {
  socket: Socket
  /** The 64 bytes of the opening as received. */
  openingBytes: Buffer
  transport: Opening['transport']
  dc: number
  /** Decrypted bytes behind the opening; kept only in mood `raw`. */
  received: () => Buffer
  /** Encrypts and writes. Returns the bytes on the wire, for a comparison with those that a client receives. */
  send: (plain: Buffer) => Buffer
  /** Unencrypted messages other than `req_pq_multi`: next steps of the key exchange, which stay unanswered. */
  nextSteps: { constructor: number; data: Buffer }[]
  /** Bytes that the last `sink` has received so far. */
  sunk: () => Total
  finReceived: Promise<void>
  /** Resolves when the connection has ended. */
  closed: Promise<{ reset: boolean }>
}

/** The datacenter's end of one socket. Invalid bytes are reported to `complain` and end the connection. */
export const serve = (
  socket: Socket,
  manner: () => Manner,
  opened: (served: Served) => void,
  complain: (why: string) => void,
): void => {
  let first = Buffer.alloc(0)
  let pass: ((bytes: Buffer) => void) | undefined
  let failure = ''
  const closed = new Promise<{ reset: boolean }>((resolve) => {
    socket.on('close', () => resolve({ reset: failure === 'ECONNRESET' || failure === 'EPIPE' }))
  })
  const finReceived = new Promise<void>((resolve) => socket.on('end', resolve))
  socket.on('error', (error: NodeJS.ErrnoException) => {
    failure = error.code ?? error.message
  })
  const giveUp = (why: unknown): void => {
    complain(why instanceof Error ? why.message : String(why))
    socket.destroy()
  }
  socket.setNoDelay(true)
  if (manner().mood === 'reset') return void socket.resetAndDestroy()
  socket.on('data', (bytes: Buffer) => {
    const { mood } = manner()
    if (mood === 'reset') return void socket.resetAndDestroy()
    if (mood === 'deaf') return void socket.pause()
    if (pass) return pass(bytes)
    first = Buffer.concat([first, bytes])
    if (first.length < 64) return
    const opening = answer(first.subarray(0, 64), undefined)
    if ('refused' in opening) return giveUp(`${opening.refused}: ${first.toString('hex', 0, 8)}`)
    const begun = begin(socket, first.subarray(0, 64), opening, manner, giveUp, { closed, finReceived })
    pass = begun.pass
    opened(begun.served)
    if (first.length > 64) pass(first.subarray(64))
    // Releases the read buffer: the connection may be kept for the rest of the test.
    first = Buffer.alloc(0)
  })
  socket.on('end', () => {
    // A wish that answers after the client's FIN ends the connection itself.
    if (!holdsOpen.has(socket)) socket.end()
  })
}

const guarded =
  (take: (bytes: Buffer) => void, giveUp: (why: unknown) => void) =>
  (bytes: Buffer): void => {
    try {
      take(bytes)
    } catch (error) {
      giveUp(error)
    }
  }

const holdsOpen = new WeakSet<Socket>()

const begin = (
  socket: Socket,
  openingBytes: Buffer,
  opening: Opening,
  manner: () => Manner,
  giveUp: (why: unknown) => void,
  ends: Pick<Served, 'closed' | 'finReceived'>,
) => {
  const kept: Buffer[] = []
  let sink = tally()
  let sinkWanted = 0
  let silent = false
  const late: Buffer[] = []
  const send = (payload: Buffer): boolean => socket.write(opening.seal(frame(opening.transport, payload)))
  const stream = async (bytes: number, perSecond: number): Promise<void> => {
    const total = await sendPieces(socket, (piece) => send(testMessage(ops.piece, piece)), bytes, perSecond)
    send(testMessage(ops.ended, writeTotal(total)))
  }
  const wish = async (op: number, body: Buffer): Promise<void> => {
    const number = (at: number): number => body.readDoubleLE(at * 8)
    if (op === ops.echo) send(testMessage(ops.echo, body))
    else if (op === ops.stream) await stream(number(0), number(1))
    else if (op === ops.sink) {
      sink = tally()
      sinkWanted = number(0)
    } else if (op === ops.piece) {
      if (sink.add(body) !== sinkWanted || socket.writableEnded) return
      send(testMessage(ops.sunk, writeTotal(sink.total())))
    } else if (op === ops.afterFin) {
      holdsOpen.add(socket)
      await ends.finReceived
      await stream(number(0), 0)
      socket.end()
    } else if (op === ops.halfClose) {
      await stream(number(0), 0)
      socket.end()
    } else if (op === ops.reset) socket.resetAndDestroy()
    else if (op === ops.silence) silent = true
    else if (op === ops.stopReading) socket.pause()
    else throw new Error(`unknown wish ${op}`)
  }
  const receive = (payload: Buffer): void => {
    const message = readMessage(payload)
    if (silent || manner().mood === 'silent') return
    if (message.kind === 'req-pq') send(answerPq(message.nonce))
    else if (message.kind === 'other') served.nextSteps.push(message)
    else if (message.kind === 'test') wish(message.op, message.body).catch(giveUp)
    else throw new Error(`a client sent ${message.kind}`)
  }
  const unframed = guarded(unframe(opening.transport, receive), giveUp)
  const pass = (bytes: Buffer): void => {
    const { mood, delayMs } = manner()
    const plain = opening.open(bytes)
    if (mood === 'raw') kept.push(plain)
    else if (delayMs === 0 && late.length === 0) unframed(plain)
    else {
      late.push(plain)
      // Each timer takes the oldest bytes, so that a changed delay does not change their order.
      setTimeout(() => unframed(late.shift()!), delayMs)
    }
  }
  const served: Served = {
    ...ends,
    socket,
    openingBytes: Buffer.from(openingBytes),
    transport: opening.transport,
    dc: opening.dc,
    received: () => Buffer.concat(kept),
    nextSteps: [],
    send: (plain) => {
      const sealed = opening.seal(plain)
      socket.write(sealed)
      return sealed
    },
    sunk: () => sink.total(),
  }
  return { served, pass }
}
