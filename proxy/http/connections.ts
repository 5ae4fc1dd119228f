import { STATUS_CODES } from 'node:http'
import { createServer, type Server, type Socket } from 'node:net'
import type { Budget } from './budget.ts'
import { type Request, readRequest } from './request.ts'

/** What is written, whole; a HEAD has a length and no body. */
export type Message = {
  readonly status: number
  readonly headers: Readonly<Record<string, string | number>>
  readonly body: string | Buffer | null
}

export type Limits = {
  readonly connections: number
  /** From the first byte of a request to the last of its head, ms, as are the next. */
  readonly head: number
  /** Between two requests of a connection. */
  readonly idle: number
  /** From a request to the last byte of its answer: a slower reader is cut off. */
  readonly answer: number
}

type Connection = {
  readonly socket: Socket
  received: Buffer | null
  answering: boolean
  /** The connection ends after its answer. */
  last: boolean
  idleSince: number
  timer: NodeJS.Timeout | undefined
}

/** A connection that was idle for so long, ms, gives its place to a new one when none is left. */
const evictAfterMs = 1_000
/** How long nothing is accepted after the budget ran out, ms. */
const restMs = 100
/** Estimate of what a connection takes until its first request is read, ms. */
const acceptMs = 0.2
/** Told to clients; shorter than the real one, so that no request meets a closing connection. */
const keepAlive = 'timeout=5'

/** CPU time of this thread: on a busy machine no wait counts as work. */
const threadMs = (): number => {
  const { user, system } = process.threadCpuUsage()
  return (user + system) / 1_000
}

const headOf = ({ status, headers }: Message, last: boolean): string => {
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`)
  const connection = last ? 'connection: close' : `connection: keep-alive\r\nkeep-alive: ${keepAlive}`
  const date = new Date().toUTCString()
  return `HTTP/1.1 ${status} ${STATUS_CODES[status]}\r\n${lines.join('')}date: ${date}\r\n${connection}\r\n\r\n`
}

/**
 * HTTP/1.1 for requests without a body, one at a time on each connection. node:http parses all that a client pipelines,
 * 10 µs a request, whether or not it is ever answered; here the connection closes after the answer, and the rest
 * is never looked at. The server listens to nothing yet.
 */
export const createConnections = (
  limits: Limits,
  budget: Budget,
  answer: (request: Request | { readonly refused: 400 | 431 }) => Promise<Message>,
): { readonly server: Server; endIdle(): void; endAll(): void } => {
  // The one that was used least recently comes first.
  const connections = new Map<Socket, Connection>()
  let closing = false

  const arm = (connection: Connection, ms: number): void => {
    clearTimeout(connection.timer)
    connection.timer = setTimeout(() => connection.socket.destroy(), ms).unref()
  }
  const answered = (connection: Connection): void => {
    const { socket } = connection
    if (connection.last || closing) return void socket.destroySoon()
    connection.answering = false
    connection.idleSince = performance.now()
    if (!connections.delete(socket)) return
    connections.set(socket, connection)
    arm(connection, limits.idle)
  }
  const reply = async (connection: Connection, request: Parameters<typeof answer>[0]): Promise<void> => {
    const { socket } = connection
    connection.answering = true
    arm(connection, limits.answer)
    const message = await answer(request)
    if (socket.destroyed) return
    const began = threadMs()
    socket.cork()
    socket.write(headOf(message, connection.last || closing), 'latin1')
    if (message.body !== null) socket.write(message.body)
    socket.write('', () => answered(connection))
    socket.uncork()
    budget.spend(threadMs() - began)
  }
  const read = (connection: Connection, bytes: Buffer): void => {
    if (connection.answering) {
      connection.last = true
      connection.socket.pause()
      return
    }
    if (connection.received === null) arm(connection, limits.head)
    connection.received = connection.received === null ? bytes : Buffer.concat([connection.received, bytes])
    const request = readRequest(connection.received)
    if (request === 'more') return
    connection.last = 'refused' in request || !request.keepAlive || request.end < connection.received.length
    connection.received = null
    if (connection.last) connection.socket.pause()
    void reply(connection, request)
  }

  const makeRoom = (): void => {
    const before = performance.now() - evictAfterMs
    for (const [socket, { answering, idleSince }] of connections) {
      if (answering || idleSince > before) continue
      socket.destroy()
      return
    }
  }
  const accept = (socket: Socket): void => {
    const connection: Connection = {
      socket,
      received: null,
      answering: false,
      last: false,
      idleSince: performance.now(),
      timer: undefined,
    }
    connections.set(socket, connection)
    arm(connection, limits.idle)
    socket.on('data', (bytes: Buffer) => read(connection, bytes))
    socket.on('end', () => {
      connection.last = true
      if (!connection.answering) socket.destroy()
    })
    socket.on('error', () => {})
    socket.on('close', () => {
      clearTimeout(connection.timer)
      connections.delete(socket)
    })
    if (connections.size >= limits.connections) makeRoom()
    budget.spend(acceptMs)
    if (budget.empty && server.maxConnections > 0) {
      server.maxConnections = 0
      setTimeout(() => {
        server.maxConnections = limits.connections
      }, restMs).unref()
    }
  }
  const server = createServer({ allowHalfOpen: true, noDelay: true }, accept)
  server.maxConnections = limits.connections
  server.on('drop', makeRoom)
  return {
    server,
    endIdle: () => {
      closing = true
      for (const { socket, answering } of connections.values()) if (!answering) socket.destroy()
    },
    endAll: () => {
      for (const socket of connections.keys()) socket.destroy()
    },
  }
}
