import type { Socket } from 'node:net'
import { frame, unframe } from '../client/frames.ts'
import { answerPq, logger, readMessage } from '../client/messages.ts'
import { answer, type Opening } from '../client/obfuscation.ts'
import { sendPieces, type Total, tally } from '../client/pieces.ts'
import { ops, writeTotal } from '../client/wishes.ts'

/** How a datacenter treats its connections; changed while it runs. */
export type Manner = {
  /**
   * `raw` hands over the bytes and does nothing; `silent` reads and never answers; `reset` answers everything with RST,
   * a connection too; `deaf` does not even read.
   */
  mood: 'normal' | 'raw' | 'silent' | 'reset' | 'deaf'
  /** Each answer comes this much later. */
  delayMs: number
}

/** One connection at the datacenter, from its opening on. */
export type Served = {
  socket: Socket
  /** The 64 bytes as they came. */
  openingBytes: Buffer
  transport: Opening['transport']
  dc: number
  /** Decrypted bytes after the opening, kept in mood `raw` only. */
  received: () => Buffer
  /** Encrypts and writes; what went over the wire is returned, to be compared with what a client gets. */
  send: (plain: Buffer) => Buffer
  /** Unencrypted messages beyond `req_pq_multi`: a client's next steps of the key exchange, which nobody answers. */
  nextSteps: { constructor: number; data: Buffer }[]
  /** What the last `sink` has got so far. */
  sunk: () => Total
  finReceived: Promise<void>
  /** When it ends, whether by RST. */
  closed: Promise<{ reset: boolean }>
}

/** The datacenter's side of one socket. Bytes that no right peer would send go to `complain`, and end the connection. */
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
    // It is a whole read, and this connection may be remembered.
    first = Buffer.alloc(0)
  })
  socket.on('end', () => {
    // Whoever was promised something after its FIN is answered by its wish; everyone else ends with the client.
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
  const report = (payload: Buffer): boolean => socket.write(opening.seal(frame(opening.transport, payload)))
  const stream = async (bytes: number, perSecond: number): Promise<void> => {
    const total = await sendPieces(socket, (piece) => report(logger(ops.piece, piece)), bytes, perSecond)
    report(logger(ops.ended, writeTotal(total)))
  }
  const wish = async (op: number, body: Buffer): Promise<void> => {
    const number = (at: number): number => body.readDoubleLE(at * 8)
    if (op === ops.echo) report(logger(ops.echo, body))
    else if (op === ops.stream) await stream(number(0), number(1))
    else if (op === ops.sink) {
      sink = tally()
      sinkWanted = number(0)
    } else if (op === ops.piece) {
      if (sink.add(body) !== sinkWanted || socket.writableEnded) return
      report(logger(ops.sunk, writeTotal(sink.total())))
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
    if (message.kind === 'req-pq') report(answerPq(message.nonce))
    else if (message.kind === 'other') served.nextSteps.push(message)
    else if (message.kind === 'test') wish(message.op, message.body).catch(giveUp)
    else throw new Error(`a client said ${message.kind}`)
  }
  const unframed = guarded(unframe(opening.transport, receive), giveUp)
  const pass = (bytes: Buffer): void => {
    const { mood, delayMs } = manner()
    const plain = opening.open(bytes)
    if (mood === 'raw') kept.push(plain)
    else if (delayMs === 0 && late.length === 0) unframed(plain)
    else {
      late.push(plain)
      // Whichever timer fires takes the oldest bytes, so that a changing delay never changes their order.
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
