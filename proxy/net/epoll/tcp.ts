import { pointer } from '../../wire/native.ts'
import type { Ends, ListenOptions, Path } from '../link.ts'
import * as c from './libc.ts'

const TCP_MAXSEG = 2
const NAME_BYTES = 16
/** The name, and its length behind it: a call gets addresses of one buffer only. */
const name = c.pinned(NAME_BYTES + 4)

/** Sets the congestion control of a socket. Returns its errno, 0 when it succeeded. */
const setCongestion = (libc: c.Libc, fd: number, algorithm: string): number => {
  const size = name.write(algorithm, 0, NAME_BYTES - 1, 'latin1')
  return libc.setsockopt(fd, c.IPPROTO_TCP, c.TCP_CONGESTION, pointer(name, 0), size) === 0 ? 0 : libc.errno()
}

/** The congestion control of a socket; empty: unknown. */
export const congestionOf = (libc: c.Libc, fd: number): string => {
  name.fill(0)
  name.writeUInt32LE(NAME_BYTES, NAME_BYTES)
  const lengthAt = pointer(name, NAME_BYTES)
  const failed = libc.getsockopt(fd, c.IPPROTO_TCP, c.TCP_CONGESTION, pointer(name, 0), lengthAt) !== 0
  return failed ? '' : name.toString('latin1', 0, NAME_BYTES).replace(/\0.*$/s, '')
}

/** The name of the errno with which the kernel refuses `algorithm` to this process; null: it may use it. */
export const refusalOf = (libc: c.Libc, algorithm: string): string | null => {
  const fd = libc.socket(c.AF_INET, c.SOCK_STREAM | c.SOCK_CLOEXEC, 0)
  const errno = fd < 0 ? libc.errno() : setCongestion(libc, fd, algorithm)
  if (fd >= 0) libc.close(fd)
  return errno === 0 ? null : c.errnoName(errno)
}

export type Tuning = Pick<ListenOptions, 'userTimeoutMs' | 'congestion' | 'maxSegment'>

/** Options of a listener. Accepted sockets inherit all of them: no call per connection. */
export const tuneListener = (
  libc: c.Libc,
  fd: number,
  { userTimeoutMs, congestion = null, maxSegment = null }: Tuning,
  warn: (line: string) => void,
): void => {
  c.tune(libc, fd)
  c.setOption(libc, fd, c.IPPROTO_TCP, c.TCP_USER_TIMEOUT, userTimeoutMs)
  // Before the kernel announces it to the first client.
  if (maxSegment !== null) c.setOption(libc, fd, c.IPPROTO_TCP, TCP_MAXSEG, maxSegment)
  const errno = congestion === null ? 0 : setCongestion(libc, fd, congestion)
  if (errno === 0) return
  warn(
    `TCP_CONGESTION=${congestion} is refused (${c.errnoName(errno)}): clients are sent to by ${congestionOf(libc, fd)}`,
  )
}

const SOCKADDR = 32
/** A sockaddr, and its length behind it. */
const end = c.pinned(SOCKADDR + 4)

const readEnd = (call: c.Libc['getsockname'], fd: number): { address: Buffer; port: number } | null => {
  end.writeUInt32LE(SOCKADDR, SOCKADDR)
  if (call(fd, pointer(end, 0), pointer(end, SOCKADDR)) !== 0) return null
  const family = end.readUInt16LE(0)
  if (family !== c.AF_INET && family !== c.AF_INET6) return null
  return { address: c.readSockaddr(end), port: end.readUInt16BE(2) }
}

/** Addresses and ports of a TCP connection; null for another socket, and where the kernel refuses. */
export const endsOf = (libc: c.Libc, fd: number): Ends | null => {
  const [remote, local] = [readEnd(libc.getpeername, fd), readEnd(libc.getsockname, fd)]
  return remote === null || local === null
    ? null
    : { remotePort: remote.port, local: local.address, localPort: local.port }
}

const INFO_BYTES = 256
const info = c.pinned(INFO_BYTES + 4)

/** Offsets in struct tcp_info of linux/tcp.h, the same on x86-64 and arm64; kernels before 4.9 return a shorter struct. */
const FLAGS = 7
const APP_LIMITED = 1
const RTT_US = 68
const TOTAL_RETRANS = 100
const NOTSENT_BYTES = 144
const DATA_SEGS_OUT = 156
const DELIVERY_RATE = 160

/** What the kernel knows of the network to the far end of a socket; null: nothing. */
export const pathOf = (libc: c.Libc, fd: number): Path | null => {
  info.writeUInt32LE(INFO_BYTES, INFO_BYTES)
  const lengthAt = pointer(info, INFO_BYTES)
  if (libc.getsockopt(fd, c.IPPROTO_TCP, c.TCP_INFO, pointer(info, 0), lengthAt) !== 0) return null
  const rttUs = info.readUInt32LE(RTT_US)
  if (info.readUInt32LE(INFO_BYTES) < DELIVERY_RATE + 8 || rttUs === 0) return null
  return {
    rttMs: rttUs / 1000,
    segments: info.readUInt32LE(DATA_SEGS_OUT),
    retransmits: info.readUInt32LE(TOTAL_RETRANS),
    deliveryRate: (info[FLAGS]! & APP_LIMITED) === 0 ? Number(info.readBigUInt64LE(DELIVERY_RATE)) : 0,
    notSent: info.readUInt32LE(NOTSENT_BYTES),
  }
}
