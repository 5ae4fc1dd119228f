import { isIP, isIPv4 } from 'node:net'
import { getSystemErrorName } from 'node:util'
import type { Areas } from '../../wire/addresses.ts'
import { checkedIfAsked, ffi, pointer } from '../../wire/native.ts'

const P = 'pointer'

/**
 * The functions of the C library that the relay calls. Every argument is declared as a pointer: Node wraps functions with
 * other arguments in JavaScript that checks each of them, which costs four times the call. An int is read from the lower
 * half of its register on x86-64 and arm64; none of these arguments is negative.
 */
const open = () => {
  const of = (count: number) => ({ return: 'i32', arguments: Array<'pointer'>(count).fill(P) }) as const
  const { functions: f } = ffi!.dlopen(null, {
    socket: of(3),
    bind: of(3),
    listen: of(2),
    accept4: of(4),
    connect: of(3),
    getsockname: of(3),
    getpeername: of(3),
    setsockopt: of(5),
    getsockopt: of(5),
    // ssize_t as i32: no call here moves 2 GiB, and a 64-bit result would allocate a BigInt for each chunk.
    recv: of(4),
    send: of(4),
    read: of(3),
    splice: of(6),
    socketpair: of(4),
    pipe2: of(2),
    fcntl: of(3),
    shutdown: of(2),
    close: of(1),
    epoll_create1: of(1),
    epoll_ctl: of(4),
    epoll_wait: of(4),
    __errno_location: { return: P, arguments: [] },
  })
  const errno = new Int32Array(ffi!.toArrayBuffer(f.__errno_location(), 4, false))
  const b = BigInt
  return {
    errno: (): number => errno[0]!,
    socket: (domain: number, type: number, protocol: number) => f.socket(b(domain), b(type), b(protocol)),
    bind: (fd: number, address: bigint, length: number) => f.bind(b(fd), address, b(length)),
    listen: (fd: number, backlog: number) => f.listen(b(fd), b(backlog)),
    accept4: (fd: number, address: bigint, length: bigint, flags: number) =>
      f.accept4(b(fd), address, length, b(flags)),
    connect: (fd: number, address: bigint, length: number) => f.connect(b(fd), address, b(length)),
    getsockname: (fd: number, address: bigint, length: bigint) => f.getsockname(b(fd), address, length),
    getpeername: (fd: number, address: bigint, length: bigint) => f.getpeername(b(fd), address, length),
    setsockopt: (fd: number, level: number, name: number, value: bigint, length: number) =>
      f.setsockopt(b(fd), b(level), b(name), value, b(length)),
    getsockopt: (fd: number, level: number, name: number, value: bigint, length: bigint) =>
      f.getsockopt(b(fd), b(level), b(name), value, length),
    recv: (fd: number, at: bigint, length: number, flags: number) => f.recv(b(fd), at, b(length), b(flags)),
    send: (fd: number, at: bigint, length: number, flags: number) => f.send(b(fd), at, b(length), b(flags)),
    read: (fd: number, at: bigint, length: number) => f.read(b(fd), at, b(length)),
    splice: (from: number, to: number, length: number, flags: number) =>
      f.splice(b(from), 0n, b(to), 0n, b(length), b(flags)),
    socketpair: (domain: number, type: number, protocol: number, ends: bigint) =>
      f.socketpair(b(domain), b(type), b(protocol), ends),
    pipe2: (ends: bigint, flags: number) => f.pipe2(ends, b(flags)),
    fcntl: (fd: number, command: number, value: number) => f.fcntl(b(fd), b(command), b(value)),
    shutdown: (fd: number, how: number) => f.shutdown(b(fd), b(how)),
    close: (fd: number) => f.close(b(fd)),
    epoll_create1: (flags: number) => f.epoll_create1(b(flags)),
    epoll_ctl: (epoll: number, operation: number, fd: number, event: bigint) =>
      f.epoll_ctl(b(epoll), b(operation), b(fd), event),
    epoll_wait: (epoll: number, events: bigint, count: number, timeoutMs: number) =>
      f.epoll_wait(b(epoll), events, b(count), b(timeoutMs)),
  }
}

export type Libc = ReturnType<typeof open>

/** An int of C at an address that has been checked. */
const intAt = (address: bigint) => (): number =>
  new DataView(ffi!.toArrayBuffer(address, 4, false)).getInt32(0, true)

/** The memory that the kernel reads or writes in each call. */
const areas: Areas<Libc> = {
  bind: (_, address, length) => [[address, length]],
  accept4: (_, address, length) => [
    [length, 4],
    [address, intAt(length)],
  ],
  connect: (_, address, length) => [[address, length]],
  getsockname: (_, address, length) => [
    [length, 4],
    [address, intAt(length)],
  ],
  getpeername: (_, address, length) => [
    [length, 4],
    [address, intAt(length)],
  ],
  setsockopt: (_, __, ___, value, length) => [[value, length]],
  getsockopt: (_, __, ___, value, length) => [
    [length, 4],
    [value, intAt(length)],
  ],
  recv: (_, at, length) => [[at, length]],
  send: (_, at, length) => [[at, length]],
  read: (_, at, length) => [[at, length]],
  socketpair: (_, __, ___, ends) => [[ends, 8]],
  pipe2: (ends) => [[ends, 8]],
  epoll_ctl: (_, __, ___, event) => [[event, EPOLL_STRIDE]],
  epoll_wait: (_, events, count) => [[events, count * EPOLL_STRIDE]],
}

/** Linux' numbers are the same on x86-64 and arm64. Null without FFI, on another system than Linux, or on a processor whose epoll layout is not tested. */
export const libc: Libc | null = (() => {
  if (ffi === null || process.platform !== 'linux' || !['x64', 'arm64'].includes(process.arch)) return null
  try {
    return checkedIfAsked(open(), areas)
  } catch {
    return null
  }
})()

export const AF_UNIX = 1
export const AF_INET = 2
export const AF_INET6 = 10
export const SOCK_STREAM = 1
export const SOCK_NONBLOCK = 0o4000
export const SOCK_CLOEXEC = 0o2000000
export const O_NONBLOCK_CLOEXEC = 0o2004000
export const SOL_SOCKET = 1
export const SO_REUSEADDR = 2
export const SO_ERROR = 4
export const SO_KEEPALIVE = 9
export const SO_LINGER = 13
export const SO_REUSEPORT = 15
export const IPPROTO_TCP = 6
export const TCP_NODELAY = 1
export const TCP_KEEPIDLE = 4
export const TCP_KEEPINTVL = 5
export const TCP_KEEPCNT = 6
export const TCP_INFO = 11
export const TCP_CONGESTION = 13
export const TCP_USER_TIMEOUT = 18
export const TCP_NOTSENT_LOWAT = 25
export const IPPROTO_IPV6 = 41
export const IPV6_V6ONLY = 26
export const MSG_NOSIGNAL = 0x4000
export const SHUT_WR = 1
export const SPLICE_F_MOVE_NONBLOCK = 3
export const F_SETPIPE_SZ = 1031

export const EPOLLIN = 1
export const EPOLLOUT = 4
export const EPOLLERR = 8
export const EPOLLHUP = 16
export const EPOLL_CTL_ADD = 1
export const EPOLL_CTL_DEL = 2
export const EPOLL_CTL_MOD = 3

export const EPERM = 1
export const EINTR = 4
export const EBADF = 9
export const EAGAIN = 11
export const ENOMEM = 12
export const EEXIST = 17
export const EINVAL = 22
export const ENFILE = 23
export const EMFILE = 24
export const ENOSYS = 38
export const EADDRINUSE = 98
export const ENOBUFS = 105
export const EINPROGRESS = 115

/** Errors after which the client stays in the queue of `accept`: retried immediately, they would come again. */
export const exhaustion: ReadonlySet<number> = new Set([EMFILE, ENFILE, ENOBUFS, ENOMEM])

export const errnoName = (errno: number): string => (errno > 0 ? getSystemErrorName(-errno) : 'no bytes')

export const systemError = (call: string, errno: number): Error => new Error(`${call}: ${errnoName(errno)}`)

/** struct epoll_event is packed on x86-64 alone. */
export const EPOLL_STRIDE = process.arch === 'x64' ? 12 : 16
export const EPOLL_DATA = process.arch === 'x64' ? 4 : 8

/** A buffer of any size that V8 does not move. */
export const pinned = (size: number): Buffer => Buffer.from(new ArrayBuffer(size))

/** Addresses that were written before: a relay dials the same few. */
const sockaddrs = new Map<string, Buffer>()
const KNOWN_SOCKADDRS = 256

/** A sockaddr with the longest path of a Unix socket. */
export const SOCKADDR_BYTES = 110

const unixSockaddr = (path: string): Buffer => {
  const bytes = Buffer.from(`\0\0${path}\0`)
  if (bytes.length > SOCKADDR_BYTES) throw new Error(`${path} is too long for a Unix socket`)
  bytes.writeUInt16LE(AF_UNIX, 0)
  return bytes
}

const sockaddrOf = (host: string): Buffer => {
  if (host.startsWith('/')) return unixSockaddr(host)
  if (isIP(host) === 0 || host.includes('%')) throw new Error(`${host} is not an IP address without a zone`)
  if (isIPv4(host)) {
    const bytes = Buffer.alloc(16)
    bytes.writeUInt16LE(AF_INET, 0)
    bytes.set(host.split('.').map(Number), 4)
    return bytes
  }
  const bytes = Buffer.alloc(28)
  bytes.writeUInt16LE(AF_INET6, 0)
  ipv6Bytes(host).copy(bytes, 8)
  return bytes
}

/**
 * Writes a sockaddr for an IP address or the path of a Unix socket; returns its length. Throws for anything else, which
 * would be read as `::`.
 */
export const writeSockaddr = (into: Buffer, host: string, port: number): number => {
  let known = sockaddrs.get(host)
  if (known === undefined) {
    known = sockaddrOf(host)
    if (sockaddrs.size >= KNOWN_SOCKADDRS) sockaddrs.clear()
    sockaddrs.set(host, known)
  }
  known.copy(into)
  if (!host.startsWith('/')) into.writeUInt16BE(port, 2)
  return known.length
}

/** The 16 bytes of an IPv6 address in any of its spellings; a zone is ignored. */
export const ipv6Bytes = (host: string): Buffer => {
  const [text = ''] = host.split('%')
  const dotted = text.match(/^(.*:)(\d+)\.(\d+)\.(\d+)\.(\d+)$/)
  const plain = dotted
    ? `${dotted[1]}${((Number(dotted[2]) << 8) | Number(dotted[3])).toString(16)}:${((Number(dotted[4]) << 8) | Number(dotted[5])).toString(16)}`
    : text
  const [left = '', right] = plain.split('::')
  const words = (side: string): number[] =>
    side === '' ? [] : side.split(':').map((word) => Number.parseInt(word, 16))
  const [head, tail] = [words(left), right === undefined ? [] : words(right)]
  const bytes = Buffer.alloc(16)
  head.forEach((word, i) => {
    bytes.writeUInt16BE(word, i * 2)
  })
  tail.forEach((word, i) => {
    bytes.writeUInt16BE(word, 16 - (tail.length - i) * 2)
  })
  return bytes
}

/** The 4 or 16 bytes of an IP address. */
export const addressBytes = (host: string): Buffer =>
  isIPv4(host) ? Buffer.from(host.split('.').map(Number)) : ipv6Bytes(host)

/** The address in a sockaddr, 4 or 16 bytes. An IPv4 address in IPv6 (::ffff:0:0/96) is returned as IPv4. */
export const readSockaddr = (from: Buffer): Buffer => {
  if (from.readUInt16LE(0) === AF_INET) return copied(from, 4, 8)
  const isMapped =
    from.readUInt32BE(8) === 0 && from.readUInt32BE(12) === 0 && from.readUInt32BE(16) === 0xffff
  return copied(from, isMapped ? 20 : 8, 24)
}

const copied = (from: Buffer, start: number, end: number): Buffer => {
  const bytes = Buffer.allocUnsafe(end - start)
  from.copy(bytes, 0, start, end)
  return bytes
}

const small = pinned(16)

export const setOption = (
  c: Libc,
  fd: number,
  level: number,
  name: number,
  value: number,
  second = 0,
): boolean => {
  small.writeInt32LE(value, 0)
  small.writeInt32LE(second, 4)
  return c.setsockopt(fd, level, name, pointer(small, 0), name === SO_LINGER ? 8 : 4) === 0
}

/** Switches delay off, and keep-alive on: a peer that vanished is noticed within two minutes. */
export const tune = (c: Libc, fd: number): void => {
  setOption(c, fd, IPPROTO_TCP, TCP_NODELAY, 1)
  setOption(c, fd, SOL_SOCKET, SO_KEEPALIVE, 1)
  setOption(c, fd, IPPROTO_TCP, TCP_KEEPIDLE, 60)
  setOption(c, fd, IPPROTO_TCP, TCP_KEEPINTVL, 15)
  setOption(c, fd, IPPROTO_TCP, TCP_KEEPCNT, 4)
}

/** SO_ERROR, or why it cannot be read. */
export const socketError = (c: Libc, fd: number): number => {
  small.writeInt32LE(4, 8)
  return c.getsockopt(fd, SOL_SOCKET, SO_ERROR, pointer(small, 0), pointer(small, 8)) === 0
    ? small.readInt32LE(0)
    : c.errno()
}
