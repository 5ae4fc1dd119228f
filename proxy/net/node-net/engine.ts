import { chmodSync } from 'node:fs'
import {
  connect,
  createServer,
  type ListenOptions as NodeListenOptions,
  type Server,
  type Socket,
} from 'node:net'
import type { UpstreamError } from '../../events/contract.ts'
import { libc } from '../epoll/libc.ts'
import { F_DUPFD_CLOEXEC } from '../epoll/marking-libc.ts'
import {
  type Dialing,
  type Engine,
  HEAD,
  type Link,
  type Listening,
  type ListenOn,
  type ListenOptions,
  PULSE_MS,
  type Source,
} from '../link.ts'
import { connectErrorOf, connectFrom } from './connect.ts'
import { PortableLink } from './link.ts'

const socketOptions = {
  allowHalfOpen: true,
  noDelay: true,
  keepAlive: true,
  keepAliveInitialDelay: 60_000,
}

/** Makes a socket a link and passes it to its owner. */
type Give = (socket: Socket, to: (link: Link) => void) => void

const BACKLOG = 4096

/** What node:net listens on. It closes the descriptor, so that other threads need their own. */
const placeOf = (on: ListenOn): NodeListenOptions => {
  if ('path' in on) return { path: on.path, backlog: BACKLOG }
  if ('host' in on)
    return { host: on.host, port: on.port, reusePort: process.platform === 'linux', backlog: BACKLOG }
  const fd = libc?.fcntl(on.descriptor, F_DUPFD_CLOEXEC, 0) ?? on.descriptor
  return { fd } as NodeListenOptions
}

const listen = (give: Give, options: ListenOptions): Promise<Listening> =>
  new Promise((resolve, reject) => {
    const open = (on: ListenOn): Server =>
      createServer(socketOptions)
        .on('connection', (socket) => give(socket, options.accepted))
        .on('error', (error: NodeJS.ErrnoException) => {
          if ('host' in on && on.host === '::' && error.code === 'EAFNOSUPPORT')
            open({ host: '0.0.0.0', port: on.port })
          else if (error.code === 'EMFILE' || error.code === 'ENFILE') options.exhausted()
          else reject(error)
        })
        .listen(placeOf(on), function (this: Server) {
          const address = this.address()
          if ('path' in on) chmodSync(on.path, on.mode)
          const port = typeof address === 'object' && address !== null ? address.port : 0
          resolve({ port, close: () => this.close() })
        })
    open(options)
  })

const dial = (
  give: Give,
  host: string,
  port: number,
  connected: (link: Link) => void,
  failed: (error: UpstreamError) => void,
  source?: Source,
): Dialing => {
  const socket = host.startsWith('/')
    ? connect({ path: host, ...socketOptions })
    : connectFrom({ host, port, ...socketOptions }, source)
  const onError = (error: NodeJS.ErrnoException): void => {
    socket.destroy()
    failed(connectErrorOf(error, source))
  }
  socket.once('error', onError)
  socket.once('connect', () => {
    socket.off('error', onError)
    give(socket, connected)
  })
  return {
    cancel: () => {
      socket.off('error', onError).on('error', () => {})
      socket.destroy()
    },
  }
}

/** The relay's event loop where `epoll/` cannot run: node:net, anywhere. */
export const portableEngine = (scratchBytes: number): Engine => {
  const scratch = Buffer.from(new ArrayBuffer(HEAD + scratchBytes))
  let takes: (error: unknown) => void = () => {}
  const report = (error: unknown): void => takes(error)
  let timer: NodeJS.Timeout | undefined
  let immediate: NodeJS.Immediate | undefined

  const give: Give = (socket, to) => {
    const link = new PortableLink(socket, scratch, report)
    try {
      to(link)
    } catch (error) {
      report(error)
      link.close()
    }
  }

  return {
    kind: 'portable',
    endsDeafPeers: false,
    listen: (options) => listen(give, options),
    dial: (host, port, connected, failed, source) => dial(give, host, port, connected, failed, source),
    run: ({ pulse }, reportTo) => {
      takes = reportTo
      const beat = (now: number): void => {
        try {
          pulse(now)
        } catch (error) {
          report(error)
        }
        timer = setTimeout(due, PULSE_MS)
      }
      // Between a timer and an immediate Node reads everything that is there.
      const due = (): void => {
        const now = performance.now()
        immediate = setImmediate(() => beat(now))
      }
      due()
    },
    stop: () => {
      clearTimeout(timer)
      clearImmediate(immediate)
    },
  }
}
