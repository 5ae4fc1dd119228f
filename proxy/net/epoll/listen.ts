import { isIPv4 } from 'node:net'
import { lastingPointer, pointer } from '../../wire/native.ts'
import type { Link, Listening, ListenOptions } from '../link.ts'
import { linkErrorOf } from '../link-error.ts'
import * as c from './libc.ts'
import type { NativeLink } from './link.ts'
import { congestionOf, tuneListener } from './tcp.ts'

const BACKLOG = 4096
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

/** A bound descriptor that listens, or -1. */
const openListener = (
  libc: c.Libc,
  host: string,
  options: ListenOptions,
  warn: (line: string) => void,
): number => {
  const v6 = !isIPv4(host)
  const length = c.writeSockaddr(address, host, options.port)
  const fd = libc.socket(v6 ? c.AF_INET6 : c.AF_INET, c.SOCK_STREAM | c.SOCK_NONBLOCK | c.SOCK_CLOEXEC, 0)
  const other = (): number => (host === '::' ? openListener(libc, '0.0.0.0', options, warn) : -1)
  if (fd < 0) return other()
  c.setOption(libc, fd, c.SOL_SOCKET, c.SO_REUSEADDR, 1)
  c.setOption(libc, fd, c.SOL_SOCKET, c.SO_REUSEPORT, 1)
  if (v6) c.setOption(libc, fd, c.IPPROTO_IPV6, c.IPV6_V6ONLY, 0)
  tuneListener(libc, fd, options, warn)
  if (libc.bind(fd, pointer(address, 0), length) === 0 && libc.listen(fd, BACKLOG) === 0) return fd
  const errno = libc.errno()
  libc.close(fd)
  return errno === c.EADDRINUSE ? -1 : other()
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
  const fd = openListener(libc, options.host, options, warn)
  const failed = (): Error =>
    new Error(`cannot listen on ${options.host} port ${options.port} (errno ${libc.errno()})`)
  if (fd < 0) throw failed()
  addressLength.writeUInt32LE(28, 0)
  if (libc.getsockname(fd, addressAt, lengthAt) !== 0) {
    const error = failed()
    libc.close(fd)
    throw error
  }
  const port = address.readUInt16BE(2)
  let open = true

  const accepting = (): void => {
    const errno = open ? loop.control(c.EPOLL_CTL_ADD, fd, c.EPOLLIN) : 0
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
    const remote = c.readSockaddr(address)
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
      for (let i = 0; i < ACCEPTS_A_TURN && open && acceptOne(); i++);
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
