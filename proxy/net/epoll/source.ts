import { isIPv4 } from 'node:net'
import type { UpstreamError } from '../../events/contract.ts'
import { pointer } from '../../wire/native.ts'
import { dialErrorOf } from '../dial-error.ts'
import type { Source } from '../link.ts'
import * as c from './libc.ts'

const SO_BINDTODEVICE = 25
const IPPROTO_IP = 0
const IP_BIND_ADDRESS_NO_PORT = 24
const EADDRNOTAVAIL = 99

/** The longest name of an interface (IFNAMSIZ) has 15 bytes. */
const DEVICE_BYTES = 16

const address = c.pinned(32)
const device = c.pinned(DEVICE_BYTES)

/** The class of a failed connect; `source`: the socket was bound. */
export const connectErrorOf = (errno: number, source?: Source): UpstreamError =>
  source !== undefined && errno === EADDRNOTAVAIL ? 'no-ports' : dialErrorOf(c.errnoName(errno))

/**
 * Binds a socket that will connect. Its port is chosen at the connect (IP_BIND_ADDRESS_NO_PORT), so that one source address
 * has all its ports for each destination. Null: it is bound.
 */
export const bindSource = (libc: c.Libc, fd: number, source: Source): UpstreamError | null => {
  c.setOption(libc, fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, 1)
  if (source.device !== null) {
    const size = device.write(source.device, 0, DEVICE_BYTES - 1, 'latin1')
    // Kernels before 5.7 ask for a privilege: without it, the routes of the host decide on the interface.
    if (libc.setsockopt(fd, c.SOL_SOCKET, SO_BINDTODEVICE, pointer(device, 0), size) !== 0)
      if (libc.errno() !== c.EPERM) return 'no-source'
  }
  const length = c.writeSockaddr(address, source.address, 0)
  if (libc.bind(fd, pointer(address, 0), length) === 0) return null
  const errno = libc.errno()
  if (errno === EADDRNOTAVAIL || errno === c.EINVAL) return 'no-source'
  return errno === c.EADDRINUSE ? 'no-ports' : dialErrorOf(c.errnoName(errno))
}

/** A bound descriptor for a connection to `host`, or the reason why there is none. */
export const openSource = (libc: c.Libc, host: string, source: Source): number | UpstreamError => {
  const domain = isIPv4(host) ? c.AF_INET : c.AF_INET6
  const fd = libc.socket(domain, c.SOCK_STREAM | c.SOCK_NONBLOCK | c.SOCK_CLOEXEC, 0)
  if (fd < 0) return dialErrorOf(c.errnoName(libc.errno()))
  const error = bindSource(libc, fd, source)
  if (error === null) return fd
  libc.close(fd)
  return error
}
