import type { UpstreamError } from '../../events/contract.ts'
import { pointer } from '../../wire/native.ts'
import type { Dialing, Link, Source } from '../link.ts'
import * as c from './libc.ts'
import type { EpollLoop } from './loop.ts'
import { bindSource, connectErrorOf } from './source.ts'

const address = c.pinned(c.SOCKADDR_BYTES)

const familyOf = (host: string): number => {
  if (host.startsWith('/')) return c.AF_UNIX
  return host.includes(':') ? c.AF_INET6 : c.AF_INET
}

/** Connects to an IP address or a Unix socket, as `Engine.dial`. Throws when `host` is neither. */
export const dial = (
  loop: EpollLoop,
  host: string,
  port: number,
  connected: (link: Link) => void,
  failed: (error: UpstreamError) => void,
  source?: Source,
): Dialing => {
  const { libc } = loop
  const length = c.writeSockaddr(address, host, port)
  const family = familyOf(host)
  const fd = libc.socket(family, c.SOCK_STREAM | c.SOCK_NONBLOCK | c.SOCK_CLOEXEC, 0)
  let errno = fd < 0 ? libc.errno() : 0
  let over = false
  const cancel = (): void => {
    if (over) return
    over = true
    if (fd >= 0) loop.release(fd)
  }
  const fail = (error: UpstreamError): void => {
    cancel()
    failed(error)
  }
  const failLater = (error: UpstreamError): Dialing => {
    loop.later(() => {
      if (!over) fail(error)
    })
    return { cancel }
  }
  if (fd >= 0) {
    if (family !== c.AF_UNIX) c.tune(libc, fd)
    const unbound = source === undefined ? null : bindSource(libc, fd, source)
    if (unbound !== null) return failLater(unbound)
    if (libc.connect(fd, pointer(address, 0), length) !== 0) errno = libc.errno()
  }
  if (errno !== 0 && errno !== c.EINPROGRESS) return failLater(connectErrorOf(errno, source))
  const ready = (): void => {
    const code = c.socketError(libc, fd)
    if (code !== 0) return fail(connectErrorOf(code, source))
    over = true
    const link = loop.adoptDialed(fd, family === c.AF_INET6 ? 'ipv6' : 'ipv4')
    try {
      connected(link)
    } catch (error) {
      link.fault(error)
    }
  }
  loop.attend(fd, { ready })
  errno = loop.control(c.EPOLL_CTL_ADD, fd, c.EPOLLOUT)
  if (errno === 0) return { cancel }
  loop.report(c.systemError('epoll_ctl of a dial', errno))
  return failLater(connectErrorOf(errno))
}
