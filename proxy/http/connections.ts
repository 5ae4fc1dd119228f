import { createServer, type IncomingMessage, type Server, type ServerResponse, STATUS_CODES } from 'node:http'
import type { Socket } from 'node:net'
import type { Budget } from './budget.ts'
import { Gate } from './gate.ts'
import type { HttpRefusals } from './refusals.ts'
import { type Body, hasBody, readBody } from './request.ts'

/** A whole answer; a HEAD has a length and no body. */
export type Message = {
  readonly status: number
  readonly headers: Readonly<Record<string, string | number>>
  readonly body: string | Buffer | null
}

/** `body` reads the body of the request, at most once. Without it the connection closes after the answer. */
export type Answer = (message: IncomingMessage, body: () => Promise<Body>) => Promise<Message>

export type Limits = {
  readonly connections: number
  /** Bytes and number of a request's headers. */
  readonly headBytes: number
  readonly headers: number
  readonly bodyBytes: number
  /** From the first byte of a request to the last of its head and of a body that is read, ms, as are the next. */
  readonly head: number
  /** Between two requests of a connection. */
  readonly idle: number
  /** From a request to the last byte of its answer: the server closes the connection of a slower reader. */
  readonly answer: number
}

export type Connections = { readonly server: Server; endIdle(): void; endAll(): void }

type Connection = { readonly gate: Gate; response: ServerResponse | null; idleSince: number }

type State = {
  readonly limits: Limits
  readonly budget: Budget
  readonly refusals: HttpRefusals
  readonly answer: Answer
  /** The least recently used one comes first. */
  readonly connections: Map<unknown, Connection>
  closing: boolean
}

/** A connection that has been idle for so long, ms, gives its place to a new one when none is left. */
const evictAfterMs = 1_000
/** How long the server accepts nothing after the budget ran out, ms. */
const restMs = 100
/** Estimate of what a connection costs until its first request is read, ms. */
const acceptMs = 0.2
/** The Keep-Alive header announces 5 s of `limits.idle`, so that no request meets a closing connection. */
const announcedIdleMs = 5_000

/** CPU time of this thread: on a busy machine waiting does not count as work. */
export const threadMs = (): number => {
  const { user, system } = process.threadCpuUsage()
  return (user + system) / 1_000
}

const answered = (state: State, connection: Connection): void => {
  const { gate } = connection
  connection.response = null
  connection.idleSince = performance.now()
  if (state.closing || gate.excess) return gate.destroySoon()
  gate.next()
  if (state.connections.delete(gate)) state.connections.set(gate, connection)
}

const answerNext = async (
  state: State,
  connection: Connection,
  message: IncomingMessage,
  response: ServerResponse,
): Promise<void> => {
  const { gate } = connection
  const timer = setTimeout(() => {
    state.refusals.timeout++
    gate.destroy()
  }, state.limits.answer).unref()
  connection.response = response
  response.on('close', () => {
    clearTimeout(timer)
    answered(state, connection)
  })
  const reading = (): Promise<Body> => {
    const { bodyBytes } = state.limits
    return readBody(message, bodyBytes, (length) => {
      if (message.headers.expect !== undefined) response.writeContinue()
      gate.admit(length)
    })
  }
  const { status, headers, body } = await state.answer(message, reading)
  if (gate.destroyed) return
  const began = threadMs()
  // Nothing behind a body that was not read can be.
  const unread = hasBody(message) && !message.complete
  if (state.closing || gate.excess || unread) response.setHeader('connection', 'close')
  response.writeHead(status, headers)
  response.end(body)
  state.budget.spend(threadMs() - began)
}

/** A head that node:http cannot parse gets an answer, one that takes too long does not. */
const refuse = ({ refusals }: State, error: NodeJS.ErrnoException, gate: Gate): void => {
  const malformed = error.code?.startsWith('HPE_') === true
  if (malformed) refusals.malformed++
  if (error.code === 'ERR_HTTP_REQUEST_TIMEOUT') refusals.timeout++
  if (!malformed || !gate.writable) return void gate.destroy()
  const status = error.code === 'HPE_HEADER_OVERFLOW' ? 431 : 400
  const body = 'not a request for this server\n'
  const head = `HTTP/1.1 ${status} ${STATUS_CODES[status]}\r\ncontent-type: text/plain; charset=utf-8`
  gate.write(`${head}\r\ncontent-length: ${body.length}\r\nconnection: close\r\n\r\n${body}`)
  gate.destroySoon()
}

const makeRoom = ({ connections }: State): void => {
  const before = performance.now() - evictAfterMs
  for (const { gate, response, idleSince } of connections.values()) {
    if (response !== null || idleSince > before) continue
    gate.destroy()
    return
  }
}

const accept = (state: State, server: Server, socket: Socket): Gate => {
  const { connections, limits, budget } = state
  const gate = new Gate(socket)
  connections.set(gate, { gate, response: null, idleSince: performance.now() })
  gate.on('close', () => connections.delete(gate))
  if (connections.size >= limits.connections) makeRoom(state)
  budget.spend(acceptMs)
  if (budget.empty && server.maxConnections > 0) {
    server.maxConnections = 0
    setTimeout(() => {
      server.maxConnections = limits.connections
    }, restMs).unref()
  }
  return gate
}

const boundedServer = (limits: Limits): Server => {
  const server = createServer({
    maxHeaderSize: limits.headBytes,
    headersTimeout: limits.head,
    requestTimeout: limits.head,
    connectionsCheckingInterval: 1_000,
    keepAliveTimeout: announcedIdleMs,
    keepAliveTimeoutBuffer: limits.idle - announcedIdleMs,
    noDelay: true,
  })
  server.maxHeadersCount = limits.headers
  server.maxConnections = limits.connections
  return server
}

/**
 * A server of node:http that answers one request at a time on each connection, within `limits` and `budget`. A client
 * that pipelines gets its first answer, and the connection closes. The server does not listen yet. What it refuses
 * before `answer` is called, it counts in `refusals`.
 */
export const createConnections = (
  limits: Limits,
  budget: Budget,
  refusals: HttpRefusals,
  answer: Answer,
): Connections => {
  const connections = new Map<unknown, Connection>()
  const state: State = { limits, budget, refusals, answer, connections, closing: false }
  const server = boundedServer(limits)
  const request = (message: IncomingMessage, response: ServerResponse): void => {
    const connection = connections.get(message.socket)
    // The gate lets one request pass at a time: a second one is a fault of ours.
    if (connection?.response !== null) message.socket.destroy()
    else void answerNext(state, connection, message, response)
  }
  // node:http serves any Duplex that comes with a connection event: it gets the gate in place of the socket.
  const [serve] = server.listeners('connection') as ((stream: unknown) => void)[]
  server.removeAllListeners('connection')
  server.on('connection', (socket) => serve?.call(server, accept(state, server, socket)))
  server.on('drop', () => {
    refusals.connections++
    makeRoom(state)
  })
  server.on('request', request)
  // Without this, node:http asks for the body before the answer.
  server.on('checkContinue', request)
  server.on('clientError', (error, stream) => refuse(state, error, stream as unknown as Gate))
  return {
    server,
    endIdle: () => {
      state.closing = true
      for (const { gate, response } of connections.values()) if (response === null) gate.destroy()
    },
    endAll: () => {
      for (const { gate } of connections.values()) gate.destroy()
    },
  }
}
