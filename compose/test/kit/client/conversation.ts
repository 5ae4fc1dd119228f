import { randomBytes } from 'node:crypto'
import type { Socket } from 'node:net'
import { frame, type Transport } from './frames.ts'
import { askPq, logger, type Message, type ResPq } from './messages.ts'
import { sendPieces, type Total, tally } from './pieces.ts'
import { numbers, ops, readTotal } from './wishes.ts'

export type Conversation = {
  /** `req_pq_multi` → its `resPQ`, checked for the nonce. */
  reqPq: () => Promise<ResPq>
  echo: (bytes: Buffer) => Promise<Buffer>
  /** Streams down, checked by hash; `perSecond` 0 is flat out. Answers the time it took, ms. */
  download: (bytes: number, perSecond?: number) => Promise<number>
  upload: (bytes: number, perSecond?: number) => Promise<number>
  /** Half-closes; the datacenter then sends so many bytes, which must arrive in full. */
  downloadAfterEnd: (bytes: number) => Promise<number>
  /** The datacenter sends so many bytes and half-closes; this side can still send. */
  downloadThenFin: (bytes: number) => Promise<number>
  /** Pieces for the last sink, without waiting for it. Answers what the datacenter must have got. */
  sendSink: (bytes: number) => Promise<Total>
  /** Any wish of the test protocol, without waiting for what it does. */
  wish: (op: number, body?: Buffer) => void
}

type Waiter = { resolve: (message: Message) => void; reject: (error: Error) => void }

/** Requests over one connection. `hear` takes what comes back; `fail` ends every wait. */
export const conversation = (
  socket: Socket,
  transport: Transport,
  sendPlain: (bytes: Buffer) => boolean,
): Conversation & { receive: (message: Message) => void; fail: (error: Error) => void } => {
  const waiters = new Map<string, Waiter[]>()
  let arriving = tally()
  let failure: Error | undefined

  const next = (key: string): Promise<Message> =>
    new Promise((resolve, reject) => {
      if (failure) return reject(failure)
      waiters.set(key, [...(waiters.get(key) ?? []), { resolve, reject }])
    })
  const nextBody = async (op: number): Promise<Buffer> => {
    const message = await next(`${op}`)
    return message.kind === 'test' ? message.body : Buffer.alloc(0)
  }
  const report = (payload: Buffer): boolean => sendPlain(frame(transport, payload))
  const wish = (op: number, body: Buffer = Buffer.alloc(0)): void => void report(logger(op, body))

  const arrived = async (bytes: number, ended: Promise<Buffer>): Promise<void> => {
    const reported = readTotal(await ended)
    const total = arriving.total()
    if (total.bytes !== bytes) throw new Error(`${total.bytes} of ${bytes} bytes arrived`)
    if (total.sha256 !== reported.sha256) throw new Error('other bytes arrived than were sent')
  }
  const streamed = async (bytes: number, ask: () => void): Promise<number> => {
    const startedAt = performance.now()
    arriving = tally()
    const ended = nextBody(ops.ended)
    ask()
    await arrived(bytes, ended)
    return performance.now() - startedAt
  }
  const sendSink = (bytes: number, perSecond = 0) => {
    wish(ops.sink, numbers(bytes))
    return sendPieces(socket, (piece) => report(logger(ops.piece, piece)), bytes, perSecond)
  }

  return {
    wish,
    sendSink: (bytes) => sendSink(bytes),
    reqPq: async () => {
      const nonce = randomBytes(16)
      const answered = next('res-pq')
      report(askPq(nonce))
      const message = await answered
      if (message.kind !== 'res-pq' || !message.nonce.equals(nonce))
        throw new Error('a resPQ for another nonce')
      return message
    },
    echo: async (bytes) => {
      const answered = nextBody(ops.echo)
      wish(ops.echo, bytes)
      return answered
    },
    download: (bytes, perSecond = 0) => streamed(bytes, () => wish(ops.stream, numbers(bytes, perSecond))),
    downloadAfterEnd: (bytes) =>
      streamed(bytes, () => {
        wish(ops.afterFin, numbers(bytes))
        socket.end()
      }),
    downloadThenFin: (bytes) => streamed(bytes, () => wish(ops.halfClose, numbers(bytes))),
    upload: async (bytes, perSecond = 0) => {
      const startedAt = performance.now()
      const acknowledged = nextBody(ops.sunk)
      acknowledged.catch(() => {})
      const sent = await sendSink(bytes, perSecond)
      const reported = readTotal(await acknowledged)
      if (reported.bytes !== bytes || reported.sha256 !== sent.sha256)
        throw new Error('the datacenter got other bytes than were sent')
      return performance.now() - startedAt
    },
    receive: (message) => {
      if (message.kind === 'test' && message.op === ops.piece) return void arriving.add(message.body)
      if (message.kind === 'error') throw new Error(`transport error ${message.code}`)
      const key = message.kind === 'test' ? `${message.op}` : message.kind
      const waiter = waiters.get(key)?.shift()
      if (!waiter) throw new Error(`an answer nobody asked for: ${key}`)
      const kept = message.kind === 'test' ? { ...message, body: Buffer.from(message.body) } : message
      waiter.resolve(kept)
    },
    fail: (error) => {
      failure ??= error
      for (const { reject } of [...waiters.values()].flat()) reject(error)
      waiters.clear()
    },
  }
}
