import { isIPv4 } from 'node:net'
import { createHistogram } from 'node:perf_hooks'
import { getSystemErrorName } from 'node:util'
import { dialErrorOf } from '../../datacenter/dial-error.ts'
import type { DialError } from '../../events/contract.ts'
import { ffi } from '../../wire/native.ts'
import { type Dialing, type Engine, HEAD, type Link, type LinkError, type ListenOptions } from '../link.ts'
import * as c from './libc.ts'
import { type Loop, NativeLink } from './native-link.ts'
import { openPipe, openWaker } from './waker.ts'

const EVENTS = 256
/** How long the loop may keep the thread before Node's own (messages, timers) gets its turn; ms. */
const TURN_MS = 20
const BACKLOG = 4096
const ACCEPTS_A_TURN = 64
/** Before `accept` is tried again when there are no descriptors left; ms. */
const EXHAUSTED_MS = 100

type Waiting = { ready(flags: number): void }

/**
 * The relay's event loop on Linux: epoll, recv, send and splice by Node's FFI. One shared read buffer, one small
 * object a connection, no stream machinery: what is idle costs next to nothing.
 * Null where FFI, Linux or a tried processor is missing.
 */
export const nativeEngine = (scratchBytes: number): Engine | null => {
  const libc = c.libc
  if (libc === null || ffi === null) return null
  const epoll = libc.epoll_create1(c.SOCK_CLOEXEC)
  if (epoll < 0) return null

  const table: (Waiting | undefined)[] = []
  const events = c.pinned(EVENTS * c.EPOLL_STRIDE)
  const eventsAt = ffi.getRawPointer(events.buffer as ArrayBuffer)
  const change = c.pinned(16)
  const changeAt = ffi.getRawPointer(change.buffer as ArrayBuffer)
  const address = c.pinned(32)
  const addressAt = ffi.getRawPointer(address.buffer as ArrayBuffer)
  const addressLength = c.pinned(8)
  const addressLengthAt = ffi.getRawPointer(addressLength.buffer as ArrayBuffer)
  let closing: number[] = []
  let failing: { link: NativeLink; error: LinkError }[] = []
  const later: (() => void)[] = []
  let running = false
  let woken = false
  const delays = createHistogram()
  let [busyMs, sampledAt] = [0, performance.now()]
  let report: (error: unknown) => void = () => {}

  const control = (operation: number, fd: number, interest: number): void => {
    change.writeUInt32LE(interest, 0)
    change.writeInt32LE(fd, c.EPOLL_DATA)
    libc.epoll_ctl(epoll, operation, fd, changeAt)
  }

  const loop: Loop = {
    libc,
    scratch: c.pinned(HEAD + scratchBytes),
    pipe: openPipe(libc),
    watch: (link, interest) => {
      if (interest < 0) control(c.EPOLL_CTL_DEL, link.fd, 0)
      else control(link.interest < 0 ? c.EPOLL_CTL_ADD : c.EPOLL_CTL_MOD, link.fd, interest)
      link.interest = interest
    },
    release: (link) => {
      table[link.fd] = undefined
      closing.push(link.fd)
    },
    fail: (link, error) => {
      failing.push({ link, error })
    },
  }

  const adopt = (fd: number, family: Link['family'], remote: Buffer): NativeLink => {
    const link = new NativeLink(loop, fd, family, remote)
    table[fd] = link
    loop.watch(link, c.EPOLLIN)
    return link
  }

  const guarded = (work: () => void): void => {
    try {
      work()
    } catch (error) {
      report(error)
    }
  }

  /** What callbacks asked for, done when none of them is on the stack. */
  const settle = (): void => {
    while (failing.length > 0) {
      const failed = failing
      failing = []
      for (const { link, error } of failed) if (!link.closed) guarded(() => link.lose(error))
    }
    if (closing.length > 0) {
      const done = closing
      closing = []
      for (const fd of done) libc.close(fd)
    }
  }

  const turn = (timeoutMs: number): number => {
    const n = libc.epoll_wait(epoll, eventsAt, EVENTS, timeoutMs)
    const began = performance.now()
    for (let i = 0; i < n; i++) {
      const at = i * c.EPOLL_STRIDE
      const fd = events.readInt32LE(at + c.EPOLL_DATA)
      try {
        table[fd]?.ready(events.readUInt32LE(at))
      } catch (error) {
        report(error)
        // Looked up again: a dial has become a link by now.
        const link = table[fd]
        if (link instanceof NativeLink) loop.fail(link, 'other')
      }
    }
    settle()
    if (n > 0) {
      const took = performance.now() - began
      busyMs += took
      delays.record(Math.max(1, Math.round(took * 1e6)))
    }
    return n
  }

  const listen = async (options: ListenOptions): Promise<{ port: number; close(): void }> => {
    const open = (host: string): number => {
      const v6 = !isIPv4(host)
      const length = c.writeSockaddr(address, host, options.port)
      const fd = libc.socket(v6 ? c.AF_INET6 : c.AF_INET, c.SOCK_STREAM | c.SOCK_NONBLOCK | c.SOCK_CLOEXEC, 0)
      if (fd < 0) return host === '::' ? open('0.0.0.0') : -1
      c.setOption(libc, fd, c.SOL_SOCKET, c.SO_REUSEADDR, 1)
      c.setOption(libc, fd, c.SOL_SOCKET, c.SO_REUSEPORT, 1)
      if (v6) c.setOption(libc, fd, c.IPPROTO_IPV6, c.IPV6_V6ONLY, 0)
      c.tune(libc, fd)
      // Accepted sockets inherit all of these from the listener: no call a connection.
      c.setOption(libc, fd, c.IPPROTO_TCP, c.TCP_USER_TIMEOUT, options.userTimeoutMs)
      if (libc.bind(fd, addressAt, length) === 0 && libc.listen(fd, BACKLOG) === 0) return fd
      libc.close(fd)
      return host === '::' && libc.errno() !== c.EADDRINUSE ? open('0.0.0.0') : -1
    }
    const fd = open(options.host)
    if (fd < 0)
      throw new Error(`cannot listen on ${options.host} port ${options.port} (errno ${libc.errno()})`)
    addressLength.writeUInt32LE(28, 0)
    libc.getsockname(fd, addressAt, addressLengthAt)
    const port = address.readUInt16BE(2)
    let open_ = true
    const accepting = (): void => {
      if (open_) control(c.EPOLL_CTL_ADD, fd, c.EPOLLIN)
    }
    table[fd] = {
      ready: () => {
        for (let i = 0; i < ACCEPTS_A_TURN && open_; i++) {
          addressLength.writeUInt32LE(28, 0)
          const accepted = libc.accept4(fd, addressAt, addressLengthAt, c.SOCK_NONBLOCK | c.SOCK_CLOEXEC)
          if (accepted < 0) {
            if (!c.exhaustion.has(libc.errno())) return
            // Level-triggered, the queue would wake us for ever: look away for a moment instead of spinning.
            control(c.EPOLL_CTL_DEL, fd, 0)
            setTimeout(accepting, EXHAUSTED_MS).unref()
            options.exhausted()
            return
          }
          const remote = c.readSockaddr(address)
          const link = adopt(accepted, remote.length === 4 ? 'ipv4' : 'ipv6', remote)
          try {
            options.accepted(link)
          } catch (error) {
            report(error)
            loop.fail(link, 'other')
          }
        }
      },
    }
    accepting()
    return {
      port,
      close: () => {
        if (!open_) return
        open_ = false
        table[fd] = undefined
        closing.push(fd)
      },
    }
  }

  const dial = (
    host: string,
    port: number,
    connected: (link: Link) => void,
    failed: (error: DialError) => void,
  ): Dialing => {
    const v4 = isIPv4(host)
    const length = c.writeSockaddr(address, host, port)
    const fd = libc.socket(v4 ? c.AF_INET : c.AF_INET6, c.SOCK_STREAM | c.SOCK_NONBLOCK | c.SOCK_CLOEXEC, 0)
    let errno = fd < 0 ? libc.errno() : 0
    let over = false
    const cancel = (): void => {
      if (over) return
      over = true
      if (fd < 0) return
      table[fd] = undefined
      closing.push(fd)
    }
    const fail = (code: number): void => {
      cancel()
      failed(dialErrorOf(getSystemErrorName(-code)))
    }
    if (fd >= 0) {
      c.tune(libc, fd)
      if (libc.connect(fd, addressAt, length) !== 0) errno = libc.errno()
    }
    if (errno !== 0 && errno !== c.EINPROGRESS) {
      later.push(() => {
        if (!over) fail(errno)
      })
      return { cancel }
    }
    table[fd] = {
      ready: () => {
        const code = c.socketError(libc, fd)
        if (code !== 0) return fail(code)
        over = true
        const link = new NativeLink(loop, fd, v4 ? 'ipv4' : 'ipv6', Buffer.alloc(0))
        table[fd] = link
        link.interest = c.EPOLLOUT
        loop.watch(link, c.EPOLLIN)
        connected(link)
      },
    }
    control(c.EPOLL_CTL_ADD, fd, c.EPOLLOUT)
    return { cancel }
  }

  const run = (pulse: (now: number) => number, failed: (error: unknown) => void): void => {
    report = failed
    running = true
    let due = 0
    const work = (): void => {
      if (!running) return
      // First of all, so that no exception can end the loop.
      setImmediate(work)
      const began = performance.now()
      let now = began
      let n = 1
      woken = false
      while (n > 0 && !woken && now - began < TURN_MS) {
        if (later.length > 0) {
          for (const call of later.splice(0)) guarded(call)
          settle()
        }
        if (now >= due) {
          // What the kernel holds by now is read before anything is judged late.
          for (let left = table.length; turn(0) === EVENTS && left > 0; left -= EVENTS) {}
          due = now + 10
          guarded(() => {
            due = now + pulse(now)
          })
          settle()
        }
        n = turn(later.length > 0 ? 0 : Math.max(0, Math.ceil(due - now)))
        now = performance.now()
      }
    }
    work()
  }

  const wait = (fd: number, waiting: Waiting): void => {
    table[fd] = waiting
    control(c.EPOLL_CTL_ADD, fd, c.EPOLLIN)
  }

  return {
    kind: 'native',
    endsDeafPeers: true,
    waker: () => openWaker(libc, wait, () => (woken = true)),
    listen,
    dial,
    run,
    stop: () => {
      running = false
      settle()
    },
    sample: () => {
      const now = performance.now()
      const load = {
        delayP50Ms: delays.percentile(50) / 1e6,
        delayP99Ms: delays.percentile(99) / 1e6,
        utilization: Math.min(1, busyMs / (now - sampledAt)),
      }
      delays.reset()
      busyMs = 0
      sampledAt = now
      return load
    },
  }
}
