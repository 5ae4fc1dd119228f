import { isIP, isIPv4 } from 'node:net'
import { getSystemErrorName } from 'node:util'
import { ffi, pointer } from '../../wire/native.ts'

/** The functions of the C library that the relay calls, and Linux' numbers for them (the same on x86-64 and arm64). */
const open = () =>
  ffi!.dlopen(null, {
    socket: { return: 'i32', arguments: ['i32', 'i32', 'i32'] },
    bind: { return: 'i32', arguments: ['i32', 'pointer', 'u32'] },
    listen: { return: 'i32', arguments: ['i32', 'i32'] },
    accept4: { return: 'i32', arguments: ['i32', 'pointer', 'pointer', 'i32'] },
    connect: { return: 'i32', arguments: ['i32', 'pointer', 'u32'] },
    getsockname: { return: 'i32', arguments: ['i32', 'pointer', 'pointer'] },
    setsockopt: { return: 'i32', arguments: ['i32', 'i32', 'i32', 'pointer', 'u32'] },
    getsockopt: { return: 'i32', arguments: ['i32', 'i32', 'i32', 'pointer', 'pointer'] },
    // ssize_t as i32: no call here moves 2 GiB, and a 64-bit result would allocate a BigInt for each chunk.
    recv: { return: 'i32', arguments: ['i32', 'pointer', 'u32', 'i32'] },
    send: { return: 'i32', arguments: ['i32', 'pointer', 'u32', 'i32'] },
    read: { return: 'i32', arguments: ['i32', 'pointer', 'u32'] },
    splice: { return: 'i32', arguments: ['i32', 'pointer', 'i32', 'pointer', 'u32', 'u32'] },
    socketpair: { return: 'i32', arguments: ['i32', 'i32', 'i32', 'pointer'] },
    pipe2: { return: 'i32', arguments: ['pointer', 'i32'] },
    fcntl: { return: 'i32', arguments: ['i32', 'i32', 'i32'] },
    shutdown: { return: 'i32', arguments: ['i32', 'i32'] },
    close: { return: 'i32', arguments: ['i32'] },
    epoll_create1: { return: 'i32', arguments: ['i32'] },
    epoll_ctl: { return: 'i32', arguments: ['i32', 'i32', 'i32', 'pointer'] },
    epoll_wait: { return: 'i32', arguments: ['i32', 'pointer', 'i32', 'i32'] },
    __errno_location: { return: 'pointer', arguments: [] },
  }).functions

export type Libc = ReturnType<typeof open> & { errno(): number }

/** Null without FFI, on another system than Linux, or on a processor whose epoll layout is not tested. */
export const libc: Libc | null = (() => {
  if (ffi === null || process.platform !== 'linux' || !['x64', 'arm64'].includes(process.arch)) return null
  try {
    const functions = open()
    const errno = new Int32Array(ffi.toArrayBuffer(functions.__errno_location(), 4, false))
    return { ...functions, errno: () => errno[0]! }
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
export const TCP_USER_TIMEOUT = 18
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

/** Writes a sockaddr for an IP address; returns its length. Throws for anything else, which would be read as `::`. */
export const writeSockaddr = (into: Buffer, host: string, port: number): number => {
  if (isIP(host) === 0 || host.includes('%')) throw new Error(`${host} is not an IP address without a zone`)
  into.fill(0, 0, 28)
  into.writeUInt16BE(port, 2)
  if (isIPv4(host)) {
    into.writeUInt16LE(AF_INET, 0)
    host.split('.').forEach((part, i) => {
      into[4 + i] = Number(part)
    })
    return 16
  }
  into.writeUInt16LE(AF_INET6, 0)
  ipv6Bytes(host).copy(into, 8)
  return 28
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

const MAPPED = Buffer.from('00000000000000000000ffff', 'hex')

/** The address in a sockaddr, 4 or 16 bytes. An IPv4 address in IPv6 is returned as IPv4. */
export const readSockaddr = (from: Buffer): Buffer => {
  if (from.readUInt16LE(0) === AF_INET) return Buffer.from(from.subarray(4, 8))
  const bytes = from.subarray(8, 24)
  return Buffer.from(bytes.subarray(0, 12).equals(MAPPED) ? bytes.subarray(12) : bytes)
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

export const socketError = (c: Libc, fd: number): number => {
  small.writeInt32LE(4, 8)
  return c.getsockopt(fd, SOL_SOCKET, SO_ERROR, pointer(small, 0), pointer(small, 8)) === 0
    ? small.readInt32LE(0)
    : 0
}
