import { isIPv4 } from 'node:net'
import { pointer } from '../../wire/native.ts'
import type { ListenAt, ListenOn } from '../link.ts'
import * as c from './libc.ts'
import { F_DUPFD_CLOEXEC } from './marking-libc.ts'
import { type Tuning, tuneListener } from './tcp.ts'

const BACKLOG = 4096
const SO_ACCEPTCONN = 30
const F_GETFL = 3
const F_SETFL = 4

/** Room for the longest path of a Unix socket, and a length behind it. */
const ADDRESS = 112
const address = c.pinned(ADDRESS + 4)

/** The kernel refuses to listen; `code` is the name of its errno. */
export class SocketError extends Error {
  readonly code: string
  constructor(errno: number) {
    super(`cannot listen: ${c.errnoName(errno)}`)
    this.code = c.errnoName(errno)
  }
}

const listening = (libc: c.Libc, fd: number, length: number): number => {
  if (libc.bind(fd, pointer(address, 0), length) === 0 && libc.listen(fd, BACKLOG) === 0) return fd
  const error = new SocketError(libc.errno())
  libc.close(fd)
  throw error
}

const kind = c.SOCK_STREAM | c.SOCK_NONBLOCK | c.SOCK_CLOEXEC

const openTcp = (
  libc: c.Libc,
  host: string,
  port: number,
  tuning: Tuning,
  warn: (line: string) => void,
): number => {
  const v6 = !isIPv4(host)
  const fd = libc.socket(v6 ? c.AF_INET6 : c.AF_INET, kind, 0)
  try {
    if (fd < 0) throw new SocketError(libc.errno())
    c.setOption(libc, fd, c.SOL_SOCKET, c.SO_REUSEADDR, 1)
    c.setOption(libc, fd, c.SOL_SOCKET, c.SO_REUSEPORT, 1)
    if (v6) c.setOption(libc, fd, c.IPPROTO_IPV6, c.IPV6_V6ONLY, 0)
    tuneListener(libc, fd, tuning, warn)
    return listening(libc, fd, c.writeSockaddr(address, host, port))
  } catch (error) {
    // A host without IPv6.
    const other = host === '::' && error instanceof SocketError && error.code !== 'EADDRINUSE'
    if (other) return openTcp(libc, '0.0.0.0', port, tuning, warn)
    throw error
  }
}

const openUnix = (libc: c.Libc, path: string, mode: number): number => {
  address.fill(0)
  address.writeUInt16LE(c.AF_UNIX, 0)
  const length = 2 + address.write(path, 2, ADDRESS - 3) + 1
  const fd = libc.socket(c.AF_UNIX, kind, 0)
  if (fd < 0) throw new SocketError(libc.errno())
  // Without a moment in which others may connect; only the main thread may set it.
  const before = process.umask(0o777 & ~mode)
  try {
    return listening(libc, fd, length)
  } finally {
    process.umask(before)
  }
}

/** A descriptor that listens. Throws a SocketError. A Unix socket is opened by the main thread only. */
export const openListener = (
  libc: c.Libc,
  on: ListenOn,
  tuning: Tuning,
  warn: (line: string) => void,
): number => {
  if ('path' in on) return openUnix(libc, on.path, on.mode)
  if ('host' in on) return openTcp(libc, on.host, on.port, tuning, warn)
  const fd = libc.fcntl(on.descriptor, F_DUPFD_CLOEXEC, 0)
  if (fd < 0) throw new SocketError(libc.errno())
  return fd
}

const listens = (libc: c.Libc, fd: number): boolean => {
  address.writeUInt32LE(4, ADDRESS)
  const result = libc.getsockopt(
    fd,
    c.SOL_SOCKET,
    SO_ACCEPTCONN,
    pointer(address, 0),
    pointer(address, ADDRESS),
  )
  return result === 0 && address.readInt32LE(0) === 1
}

/** The options of `openListener` for a socket that another program has opened; false: it does not listen. */
export const adoptListener = (
  libc: c.Libc,
  fd: number,
  tuning: Tuning,
  warn: (line: string) => void,
): boolean => {
  if (!listens(libc, fd)) return false
  libc.fcntl(fd, F_SETFL, libc.fcntl(fd, F_GETFL, 0) | c.SOCK_NONBLOCK)
  if (nameOf(libc, fd).family !== c.AF_UNIX) tuneListener(libc, fd, tuning, warn)
  return true
}

/** Reads the name of a descriptor into `address`, and its length behind it. */
const askName = (libc: c.Libc, fd: number): boolean => {
  address.writeUInt32LE(ADDRESS, ADDRESS)
  return libc.getsockname(fd, pointer(address, 0), pointer(address, ADDRESS)) === 0
}

/** Family and, unless it is a Unix socket, port of a descriptor. Throws a SocketError. */
export const nameOf = (libc: c.Libc, fd: number): { family: number; port: number } => {
  if (!askName(libc, fd)) throw new SocketError(libc.errno())
  const family = address.readUInt16LE(0)
  return { family, port: family === c.AF_UNIX ? 0 : address.readUInt16BE(2) }
}

/** Where a descriptor listens; null: at no address, as a Unix socket without a path. */
export const placeOf = (libc: c.Libc, fd: number): ListenAt | null => {
  if (!askName(libc, fd)) return null
  const [family, port] = [address.readUInt16LE(0), address.readUInt16BE(2)]
  if (family === c.AF_UNIX) {
    const name = address.toString('utf8', 2, address.readUInt32LE(ADDRESS))
    const path = name.split('\0')[0] ?? ''
    // The mode is that of the file, which another program has made.
    return path === '' ? null : { path, mode: 0 }
  }
  if (family === c.AF_INET) return { host: address.subarray(4, 8).join('.'), port }
  const words = Array.from({ length: 8 }, (_, i) => address.readUInt16BE(8 + 2 * i).toString(16))
  return { host: words.every((word) => word === '0') ? '::' : words.join(':'), port }
}
