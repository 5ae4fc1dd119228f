import { lastingPointer } from '../../wire/native.ts'
import type { Link, Listening, ListenOptions } from '../link.ts'
import { linkErrorOf } from '../link-error.ts'
import * as c from './libc.ts'
import type { NativeLink } from './link.ts'
import { nameOf, openListener } from './listening-socket.ts'
import { congestionOf } from './tcp.ts'

/** Of the threads that wait for a descriptor, one is woken. */
const EPOLLEXCLUSIVE = 2 ** 28
/** The address of a client of a Unix socket, which has none. */
const localAddress = Buffer.from([127, 0, 0, 1])
const ACCEPTS_A_TURN = 64
/** Until `accept` is tried again after descriptors ran out; ms. */
const EXHAUSTED_MS = 100

/** Handles the events of one descriptor. */
export type Waiting = { ready(flags: number): void }

/** The part of the loop that a listener uses. */
export type ListeningLoop = {
  readonly libc: c.Libc
  /** `epoll_ctl`: returns its errno, 0 when it succeeded. */
  control(operation: number, fd: number, interest: number): number
  adopt(fd: number, family: Link['family'], remote: Buffer): NativeLink
  attend(fd: number, waiting: Waiting): void
  release(fd: number): void
  /** Runs `call` after `ms`, or some ms later. */
  retry(ms: number, call: () => void): void
  report(error: unknown): void
}

const address = c.pinned(32)
const addressLength = c.pinned(8)

const portOf = (libc: c.Libc, fd: number): number => {
  try {
    return nameOf(libc, fd).port
  } catch (error) {
    libc.close(fd)
    throw error
  }
}

/** Accepts clients until it is closed. Throws when it cannot listen. */
export const listen = (
  loop: ListeningLoop,
  options: ListenOptions,
  warn: (line: string) => void = () => {},
): Listening => {
  const { libc } = loop
  const addressAt = lastingPointer(address)
  const lengthAt = lastingPointer(addressLength)
  const fd = openListener(libc, options, options, warn)
  const port = portOf(libc, fd)
  /** Where other threads accept from the same socket, the kernel wakes one of them, in turn. */
  let interest = 'descriptor' in options && options.shared ? c.EPOLLIN | EPOLLEXCLUSIVE : c.EPOLLIN
  let open = true

  const accepting = (): void => {
    const errno = open ? loop.control(c.EPOLL_CTL_ADD, fd, interest) : 0
    // A sandbox without EPOLLEXCLUSIVE.
    if (errno === c.EINVAL && interest !== c.EPOLLIN) {
      interest = c.EPOLLIN
      return accepting()
    }
    // EEXIST: the kernel had refused to stop watching it.
    if (errno === 0 || errno === c.EEXIST) return
    loop.report(c.systemError('epoll_ctl of the listener', errno))
    loop.retry(EXHAUSTED_MS, accepting)
  }
  /** False: no client waits. */
  const acceptOne = (): boolean => {
    addressLength.writeUInt32LE(28, 0)
    const accepted = libc.accept4(fd, addressAt, lengthAt, c.SOCK_NONBLOCK | c.SOCK_CLOEXEC)
    if (accepted < 0) {
      const errno = libc.errno()
      const exhausted = c.exhaustion.has(errno)
      if (errno === c.EAGAIN || (!exhausted && linkErrorOf(c.errnoName(errno)) !== null)) return false
      // epoll is level-triggered and would report the queue again and again: stop watching it for a moment.
      loop.control(c.EPOLL_CTL_DEL, fd, 0)
      loop.retry(EXHAUSTED_MS, accepting)
      if (exhausted) options.exhausted()
      else loop.report(c.systemError('accept4', errno))
      return false
    }
    const isUnix = address.readUInt16LE(0) === c.AF_UNIX
    const remote = isUnix ? localAddress : c.readSockaddr(address)
    const link = loop.adopt(accepted, remote.length === 4 ? 'ipv4' : 'ipv6', remote)
    try {
      options.accepted(link)
    } catch (error) {
      link.fault(error)
    }
    return true
  }

  loop.attend(fd, {
    ready: () => {
      let accepted = 0
      while (accepted < ACCEPTS_A_TURN && open && acceptOne()) accepted++
      // To the end of the queue of the threads that wait for this socket.
      if (accepted === 0 || !open || interest === c.EPOLLIN) return
      loop.control(c.EPOLL_CTL_DEL, fd, 0)
      accepting()
    },
  })
  accepting()
  return {
    port,
    congestion: congestionOf(libc, fd),
    close: () => {
      if (!open) return
      open = false
      loop.release(fd)
    },
  }
}
