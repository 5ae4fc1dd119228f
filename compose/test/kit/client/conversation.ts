import { randomBytes } from 'node:crypto'
import type { Socket } from 'node:net'
import { frame, type Transport } from './frames.ts'
import { askPq, type Message, type ResPq, testMessage } from './messages.ts'
import { sendPieces, type Total, tally } from './pieces.ts'
import { numbers, ops, readTotal } from './wishes.ts'

export type Conversation = {
  /** Sends `req_pq_multi`; resolves with the `resPQ` that has its nonce. */
  reqPq: () => Promise<ResPq>
  echo: (bytes: Buffer) => Promise<Buffer>
  /** Receives bytes and checks their hash; `perSecond` 0 is as fast as possible. Resolves with the elapsed ms. */
  download: (bytes: number, perSecond?: number) => Promise<number>
  upload: (bytes: number, perSecond?: number) => Promise<number>
  /** Sends FIN; the datacenter then sends so many bytes, which must arrive in full. */
  downloadAfterEnd: (bytes: number) => Promise<number>
  /** The datacenter sends so many bytes and FIN; this side can still send. */
  downloadThenFin: (bytes: number) => Promise<number>
  /** Sends bytes without waiting for the acknowledgement. Resolves with the total that the datacenter must receive. */
  sendSink: (bytes: number) => Promise<Total>
  /** Sends any request of the test protocol without waiting for its effect. */
  wish: (op: number, body?: Buffer) => void
}

type Waiter = { resolve: (message: Message) => void; reject: (error: Error) => void }

/** Requests that wait for their answer, by the kind of answer. */
const pendingRequests = () => {
  const waiters = new Map<string, Waiter[]>()
  let failure: Error | undefined
  return {
    next: (key: string): Promise<Message> =>
      new Promise((resolve, reject) => {
        if (failure) return reject(failure)
        waiters.set(key, [...(waiters.get(key) ?? []), { resolve, reject }])
      }),
    answer: (message: Message): void => {
      const key = message.kind === 'test' ? `${message.op}` : message.kind
      const waiter = waiters.get(key)?.shift()
      if (!waiter) throw new Error(`answer without a request: ${key}`)
      waiter.resolve(message.kind === 'test' ? { ...message, body: Buffer.from(message.body) } : message)
    },
    fail: (error: Error): void => {
      failure ??= error
      for (const { reject } of [...waiters.values()].flat()) reject(error)
      waiters.clear()
    },
  }
}

/** Requests over one connection. `receive` takes each answer; `fail` rejects every pending request. */
export const conversation = (
  socket: Socket,
  transport: Transport,
  sendPlain: (bytes: Buffer) => boolean,
): Conversation & { receive: (message: Message) => void; fail: (error: Error) => void } => {
  const { next, answer, fail } = pendingRequests()
  let arriving = tally()

  const nextBody = async (op: number): Promise<Buffer> => {
    const message = await next(`${op}`)
    return message.kind === 'test' ? message.body : Buffer.alloc(0)
  }
  const send = (payload: Buffer): boolean => sendPlain(frame(transport, payload))
  const wish = (op: number, body: Buffer = Buffer.alloc(0)): void => void send(testMessage(op, body))

  const arrived = async (bytes: number, ended: Promise<Buffer>): Promise<void> => {
    const reported = readTotal(await ended)
    const total = arriving.total()
    if (total.bytes !== bytes) throw new Error(`${total.bytes} of ${bytes} bytes arrived`)
    if (total.sha256 !== reported.sha256) throw new Error('the received bytes differ from the sent ones')
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
    return sendPieces(socket, (piece) => send(testMessage(ops.piece, piece)), bytes, perSecond)
  }

  return {
    wish,
    sendSink: (bytes) => sendSink(bytes),
    reqPq: async () => {
      const nonce = randomBytes(16)
      const answered = next('res-pq')
      send(askPq(nonce))
      const message = await answered
      if (message.kind !== 'res-pq' || !message.nonce.equals(nonce))
        throw new Error('resPQ has another nonce')
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
        throw new Error('the datacenter received other bytes than were sent')
      return performance.now() - startedAt
    },
    receive: (message) => {
      if (message.kind === 'test' && message.op === ops.piece) return void arriving.add(message.body)
      if (message.kind === 'error') throw new Error(`transport error ${message.code}`)
      answer(message)
    },
    fail,
  }
}
