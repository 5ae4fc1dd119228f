import { connect, createServer, type Server, type Socket } from 'node:net'
import type { DialError, Family } from '../../events/contract.ts'
import { dialErrorOf } from '../dial-error.ts'
import { ipv6Bytes } from '../epoll/libc.ts'
import { type Dialing, type Engine, HEAD, type Link, type LinkEvents, type ListenOptions } from '../link.ts'
import { linkErrorOf } from '../link-error.ts'

const unattached: LinkEvents<null> = {
  bytes: () => {},
  drained: () => {},
  ended: () => {},
  lost: () => {},
  faulted: () => {},
}
const KEEP_ALIVE_MS = 60_000

const remoteOf = (socket: Socket): Buffer => {
  const text = socket.remoteAddress ?? '0.0.0.0'
  const mapped = text.startsWith('::ffff:') ? text.slice(7) : text
  return mapped.includes(':') ? ipv6Bytes(mapped) : Buffer.from(mapped.split('.').map(Number))
}

/** The relay's event loop where `native/` cannot run: node:net, with a copy of each chunk into the shared buffer. */
export const portableEngine = (scratchBytes: number): Engine => {
  const scratch = Buffer.from(new ArrayBuffer(HEAD + scratchBytes))
  let report: (error: unknown) => void = () => {}
  let timer: NodeJS.Timeout | undefined
  let immediate: NodeJS.Immediate | undefined

  const linkOf = (socket: Socket): Link => {
    let on = unattached as LinkEvents<unknown>
    let owner: unknown = null
    let closed = false
    let full = false
    let paused = false
    let endHeld = false
    // What the owner paused in the middle of, as no kernel would bring it.
    let rest: Buffer | null = null
    let unread = 0
    const remote = remoteOf(socket)
    const guarded = (work: () => void): void => {
      const reported = on
      const to = owner
      try {
        work()
      } catch (error) {
        report(error)
        close()
        reported.faulted(to)
      }
    }
    const close = (): void => {
      closed = true
      on = unattached as LinkEvents<unknown>
      owner = null
      socket.destroy()
    }
    const lose = (error: 'reset' | 'timeout' | 'other'): void => {
      if (closed) return
      const [reported, to] = [on, owner]
      guarded(() => {
        close()
        reported.lost(to, error)
      })
    }
    const reportEnd = (): void => {
      endHeld = paused || rest !== null
      if (!closed && !endHeld) guarded(() => on.ended(owner))
    }
    const deliver = (chunk: Buffer): void => {
      let from = 0
      while (from < chunk.length && !closed && !paused) {
        const n = chunk.copy(scratch, HEAD, from, Math.min(chunk.length, from + link.readSize))
        from += n
        unread = chunk.length - from
        guarded(() => on.bytes(owner, scratch, HEAD, HEAD + n))
      }
      rest = from < chunk.length && !closed ? chunk.subarray(from) : null
    }
    /** Goes on after a pause, outside of any callback: first what was read before it. */
    const goOn = (): void => {
      if (closed || paused) return
      if (rest !== null) deliver(rest)
      if (closed || paused) return
      socket.resume()
      if (endHeld) reportEnd()
    }
    const flushed = (): void => {
      if (!full || closed || socket.writableLength > 0) return
      full = false
      guarded(() => on.drained(owner))
    }
    const link: Link = {
      readSize: 65536,
      get unsent() {
        return socket.writableLength
      },
      get unread() {
        return unread
      },
      get closed() {
        return closed
      },
      family: (remote.length === 4 ? 'ipv4' : 'ipv6') satisfies Family,
      remote,
      attach: (events, to) => {
        on = events as LinkEvents<unknown>
        owner = to
      },
      write: (buffer, start, end) => {
        if (closed || socket.writableEnded || end <= start) return socket.writableLength === 0
        const copy = Buffer.allocUnsafe(end - start)
        buffer.copy(copy, 0, start, end)
        socket.write(copy, flushed)
        full = socket.writableLength > 0
        return !full
      },
      pause: () => {
        paused = true
        socket.pause()
      },
      resume: () => {
        paused = false
        if (rest !== null || endHeld) setImmediate(goOn)
        else socket.resume()
      },
      pull: () => {
        if (rest !== null && !closed && !paused) deliver(rest)
      },
      end: () => {
        if (!closed) socket.end()
      },
      close,
      reset: () => {
        // Node 26.10 leaks the descriptor of a reset whose FIN is still unsent.
        if (!closed && (!socket.writableEnded || socket.writableFinished)) socket.resetAndDestroy()
        close()
      },
    }
    socket.on('data', (chunk: Buffer) => deliver(rest === null ? chunk : Buffer.concat([rest, chunk])))
    // A paused socket tells its end all the same, when nothing is before it: to an owner who does not listen yet.
    socket.on('end', reportEnd)
    socket.on('error', (error: NodeJS.ErrnoException) => {
      const how = linkErrorOf(error.code ?? '')
      if (how !== null) return lose(how)
      guarded(() => {
        throw error
      })
    })
    // Both sides have ended and all is delivered: nothing was lost, and the owner knows.
    socket.on('close', () => {
      if (!socket.readableEnded || !socket.writableFinished) lose('other')
    })
    return link
  }

  const give = (socket: Socket, taken: (link: Link) => void): void => {
    const link = linkOf(socket)
    try {
      taken(link)
    } catch (error) {
      report(error)
      link.close()
    }
  }

  const listen = (options: ListenOptions): Promise<{ port: number; close(): void }> =>
    new Promise((resolve, reject) => {
      const open = (host: string): Server =>
        createServer({
          allowHalfOpen: true,
          noDelay: true,
          keepAlive: true,
          keepAliveInitialDelay: KEEP_ALIVE_MS,
        })
          .on('connection', (socket) => {
            give(socket, options.accepted)
          })
          .on('error', (error: NodeJS.ErrnoException) => {
            if (host === '::' && error.code === 'EAFNOSUPPORT') open('0.0.0.0')
            else if (error.code === 'EMFILE' || error.code === 'ENFILE') options.exhausted()
            else reject(error)
          })
          .listen(
            { host, port: options.port, reusePort: process.platform === 'linux', backlog: 4096 },
            function (this: Server) {
              const address = this.address()
              const port = typeof address === 'object' && address !== null ? address.port : options.port
              resolve({ port, close: () => this.close() })
            },
          )
      open(options.host)
    })

  const dial = (
    host: string,
    port: number,
    connected: (link: Link) => void,
    failed: (error: DialError) => void,
  ): Dialing => {
    const socket = connect({
      host,
      port,
      allowHalfOpen: true,
      noDelay: true,
      keepAlive: true,
      keepAliveInitialDelay: KEEP_ALIVE_MS,
    })
    const onError = (error: NodeJS.ErrnoException): void => {
      socket.destroy()
      failed(dialErrorOf(error.code))
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

  return {
    kind: 'portable',
    endsDeafPeers: false,
    listen,
    dial,
    run: (pulse, takes) => {
      report = takes
      const beat = (now: number): void => {
        let wait = 50
        try {
          wait = pulse(now)
        } catch (error) {
          report(error)
        }
        timer = setTimeout(due, wait)
      }
      // Between a timer and an immediate Node reads all that is there.
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
