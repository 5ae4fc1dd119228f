import { isIPv4 } from 'node:net'
import { createHistogram } from 'node:perf_hooks'
import type { DialError } from '../../events/contract.ts'
import { ffi } from '../../wire/native.ts'
import { dialErrorOf } from '../dial-error.ts'
import { type Dialing, type Engine, HEAD, type Link, type LinkError } from '../link.ts'
import { linkErrorOf } from '../link-error.ts'
import * as c from './libc.ts'
import { type Loop, NativeLink, type Pipe } from './link.ts'
import { type ListeningLoop, listen, type Waiting } from './listen.ts'
import { closePipe, openPipe, openWaker, splices } from './pipe.ts'

const EVENTS = 256
/** How long the loop may keep the thread before Node's own (messages, timers) gets its turn; ms. */
const TURN_MS = 20
/**
 * The relay's event loop on Linux: epoll, recv, send and splice by Node's FFI. One shared read buffer, one small
 * object a connection, no stream machinery: what is idle costs next to nothing.
 * Null where FFI, Linux, a tried processor or epoll is missing. `warn` takes a line for what the kernel refuses.
 */
export const nativeEngine = (
  scratchBytes: number,
  warn: (line: string) => void = () => {},
  libc: c.Libc | null = c.libc,
): Engine | null => {
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
  let closing: number[] = []
  let failing: { link: NativeLink; error: LinkError }[] = []
  /** Those that our own fault ends. */
  let broken: { link: NativeLink; error: Error }[] = []
  const later: (() => void)[] = []
  let running = false
  let woken = false
  const delays = createHistogram()
  let [busyMs, sampledAt] = [0, performance.now()]
  let report: (error: unknown) => void = () => {}

  /** The errno; 0: done. */
  const control = (operation: number, fd: number, interest: number): number => {
    change.writeUInt32LE(interest, 0)
    change.writeInt32LE(fd, c.EPOLL_DATA)
    return libc.epoll_ctl(epoll, operation, fd, changeAt) === 0 ? 0 : libc.errno()
  }

  const loop: Loop & ListeningLoop = {
    libc,
    scratch: c.pinned(HEAD + scratchBytes),
    pipe: openPipe(libc),
    watch: (link, interest) => {
      const operation = interest < 0 ? c.EPOLL_CTL_DEL : link.interest < 0 ? c.EPOLL_CTL_ADD : c.EPOLL_CTL_MOD
      const errno = control(operation, link.fd, Math.max(0, interest))
      link.interest = interest
      if (errno !== 0) broken.push({ link, error: c.systemError('epoll_ctl', errno) })
    },
    renewPipe: () => {
      if (loop.pipe === null) return
      closePipe(libc, loop.pipe)
      loop.pipe = openPipe(libc)
    },
    stopSplicing: (errno) => {
      if (loop.pipe === null) return
      // Not closed yet: the caller may still have bytes in it.
      closing.push(loop.pipe.read, loop.pipe.write)
      loop.pipe = null
      warn(`splice is refused (${c.errnoName(errno)}): downloads are read and sent, which costs more CPU`)
    },
    control,
    adopt: (fd, family, remote) => {
      const link = new NativeLink(loop, fd, family, remote)
      table[fd] = link
      loop.watch(link, c.EPOLLIN)
      return link
    },
    attend: (fd, waiting) => {
      table[fd] = waiting
    },
    release: (fd) => {
      table[fd] = undefined
      closing.push(fd)
    },
    fail: (link, call, errno) => {
      const error = linkErrorOf(c.errnoName(errno))
      if (error !== null) failing.push({ link, error })
      else broken.push({ link, error: c.systemError(call, errno) })
    },
    report: (error) => report(error),
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
    while (failing.length > 0 || broken.length > 0) {
      const [failed, faulted] = [failing, broken]
      failing = []
      broken = []
      for (const { link, error } of faulted) if (!link.closed) link.fault(error)
      for (const { link, error } of failed) if (!link.closed) link.lose(error)
    }
    if (closing.length > 0) {
      const done = closing
      closing = []
      for (const fd of done) libc.close(fd)
    }
  }

  const turn = (timeoutMs: number): number => {
    const n = libc.epoll_wait(epoll, eventsAt, EVENTS, timeoutMs)
    if (n < 0 && libc.errno() !== c.EINTR) report(c.systemError('epoll_wait', libc.errno()))
    const began = performance.now()
    for (let i = 0; i < n; i++) {
      const at = i * c.EPOLL_STRIDE
      const fd = events.readInt32LE(at + c.EPOLL_DATA)
      try {
        table[fd]?.ready(events.readUInt32LE(at))
      } catch (error) {
        report(error)
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
      loop.release(fd)
    }
    const fail = (code: number): void => {
      cancel()
      failed(dialErrorOf(c.errnoName(code)))
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
        try {
          connected(link)
        } catch (error) {
          link.fault(error)
        }
      },
    }
    errno = control(c.EPOLL_CTL_ADD, fd, c.EPOLLOUT)
    if (errno === 0) return { cancel }
    report(c.systemError('epoll_ctl of a dial', errno))
    later.push(() => {
      if (!over) fail(errno)
    })
    return { cancel }
  }

  const run = (pulse: (now: number) => number, takes: (error: unknown) => void): void => {
    report = takes
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

  const wait = (fd: number, waiting: Waiting): boolean => {
    if (control(c.EPOLL_CTL_ADD, fd, c.EPOLLIN) !== 0) return false
    table[fd] = waiting
    return true
  }

  /** A known answer of epoll, and of splice, before a client depends on them. */
  const proved = (pipe: Pipe): boolean => {
    const polls =
      control(c.EPOLL_CTL_ADD, pipe.write, c.EPOLLOUT) === 0 &&
      libc.epoll_wait(epoll, eventsAt, EVENTS, 0) === 1 &&
      events.readInt32LE(c.EPOLL_DATA) === pipe.write &&
      control(c.EPOLL_CTL_DEL, pipe.write, 0) === 0
    if (!polls) return false
    const errno = splices(libc, pipe)
    if (errno !== 0) loop.stopSplicing(errno)
    return true
  }
  if (loop.pipe !== null && !proved(loop.pipe)) {
    warn(`epoll is refused (${c.errnoName(libc.errno())}): node:net relays instead, which costs more CPU`)
    closePipe(libc, loop.pipe)
    libc.close(epoll)
    return null
  }

  return {
    kind: 'native',
    endsDeafPeers: true,
    waker: () => openWaker(libc, wait, () => (woken = true)),
    listen: async (options) => listen(loop, options),
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
