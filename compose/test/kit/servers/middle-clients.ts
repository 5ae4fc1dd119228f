import type { Socket } from 'node:net'
import { answerPq, readMessage, testMessage } from '../client/messages.ts'
import { sendPieces, tally } from '../client/pieces.ts'
import { ops as wishes, writeTotal } from '../client/wishes.ts'
import { ops, payloadOf, type Request, readRequest } from './rpc-wire.ts'

/** How it treats its connections. It can change while it runs. */
export type MiddleManner = {
  /**
   * `silent`: answers no client. `deaf`: does not read. `mute`: reads and answers nothing, not even pings. `other-secret`: has
   * another secret than the proxy. `corrupt`: its next answer has a wrong checksum.
   */
  mood: 'normal' | 'silent' | 'deaf' | 'mute' | 'other-secret' | 'corrupt'
  /** Pads the nonce frame, too. */
  padsNonce: boolean
  /** The address of the proxy as seen from here; null: that of the socket. */
  sees: string | null
}

/** A client of the proxy, as the middle proxy knows it. */
export type MiddleClient = {
  /** Its last request. */
  request: Request
  /** Sends an answer; false: wait for the socket. */
  send: (payload: Buffer) => boolean
  /** Closes it from Telegram's side. */
  close: () => void
  gone: Promise<void>
}

/** What the connections of one middle proxy share. */
export type Shared = {
  readonly manner: MiddleManner
  readonly secret: Buffer
  readonly clients: Set<MiddleClient>
  readonly counts: { requests: number; pongs: number; pings: number }
  readonly opened: (client: MiddleClient) => void
  /** Sends a ping over each connection. */
  readonly pinging: Set<() => void>
  /** The tag that every request must have; undefined: any. */
  readonly tag: string | null | undefined
}

/** Another piece of the test protocol for one client: what the fake datacenter does, over RPC. */
const serveClient = (socket: Socket, client: MiddleClient, shared: Shared) => {
  let sink = tally()
  let sinkWanted = 0
  const stream = async (bytes: number, perSecond: number): Promise<void> => {
    const total = await sendPieces(
      socket,
      (piece) => client.send(testMessage(wishes.piece, piece)),
      bytes,
      perSecond,
    )
    client.send(testMessage(wishes.ended, writeTotal(total)))
  }
  return async (payload: Buffer): Promise<void> => {
    const message = readMessage(payload)
    if (shared.manner.mood === 'silent') return
    if (message.kind === 'req-pq') client.send(answerPq(message.nonce))
    else if (message.kind === 'test') {
      const { op, body } = message
      const number = (at: number): number => body.readDoubleLE(at * 8)
      if (op === wishes.echo) client.send(testMessage(wishes.echo, body))
      else if (op === wishes.stream) await stream(number(0), number(1))
      else if (op === wishes.sink) {
        sink = tally()
        sinkWanted = number(0)
      } else if (op === wishes.piece) {
        if (sink.add(body) === sinkWanted) client.send(testMessage(wishes.sunk, writeTotal(sink.total())))
      } else if (op === wishes.reset) client.close()
      else if (op !== wishes.silence) throw new Error(`unknown wish ${op}`)
    }
  }
}

type Peer = { client: MiddleClient; take: (payload: Buffer) => Promise<void>; left: () => void }

/** What follows the handshake on one connection. */
export const serveFrames = (
  socket: Socket,
  shared: Shared,
  send: (payload: Buffer) => boolean,
  complain: (why: unknown) => void,
) => {
  const peers = new Map<bigint, Peer>()
  const open = (request: Request): Peer => {
    const gone = Promise.withResolvers<void>()
    const { id } = request
    const left = (): void => {
      peers.delete(id)
      shared.clients.delete(client)
      gone.resolve()
    }
    const client: MiddleClient = {
      request,
      send: (payload) => !peers.has(id) || send(payloadOf('answer', 0, id, payload)),
      close: () => {
        if (!peers.has(id)) return
        left()
        send(payloadOf('closed', id))
      },
      gone: gone.promise,
    }
    const peer = { client, take: serveClient(socket, client, shared), left }
    peers.set(id, peer)
    shared.clients.add(client)
    shared.opened(client)
    return peer
  }
  socket.on('close', () => {
    for (const { left } of [...peers.values()]) left()
  })
  return (payload: Buffer): void => {
    const op = payload.readUInt32LE(0)
    if (op === ops.ping && payload.length === 12) {
      shared.counts.pings++
      if (shared.manner.mood !== 'mute') send(payloadOf('pong', payload.readBigInt64LE(4)))
    } else if (op === ops.pong && payload.length === 12) shared.counts.pongs++
    else if (op === ops.clientGone && payload.length === 12) peers.get(payload.readBigInt64LE(4))?.left()
    else if (op === ops.request) {
      shared.counts.requests++
      const request = readRequest(payload)
      if (shared.tag !== undefined && request.tag !== shared.tag) throw new Error(`tag ${request.tag}`)
      const peer = peers.get(request.id) ?? open(request)
      peer.client.request = request
      if (request.flags.includes('quick-ack')) send(payloadOf('acknowledgement', request.id, 0x80a1b2c3))
      if (shared.manner.mood !== 'mute') peer.take(request.message).catch(complain)
    } else throw new Error(`operation ${op.toString(16)} of ${payload.length} bytes`)
  }
}
