import type { DialError } from '../../events/contract.ts'
import { pointer } from '../../wire/native.ts'
import { dialErrorOf } from '../dial-error.ts'
import type { Dialing, Link } from '../link.ts'
import * as c from './libc.ts'
import type { EpollLoop } from './loop.ts'

const address = c.pinned(32)

/** Connects to an IP address, as `Engine.dial`. Throws when `host` is not one. */
export const dial = (
  loop: EpollLoop,
  host: string,
  port: number,
  connected: (link: Link) => void,
  failed: (error: DialError) => void,
): Dialing => {
  const { libc } = loop
  const length = c.writeSockaddr(address, host, port)
  const v4 = length === c.SOCKADDR_IN
  const fd = libc.socket(v4 ? c.AF_INET : c.AF_INET6, c.SOCK_STREAM | c.SOCK_NONBLOCK | c.SOCK_CLOEXEC, 0)
  let errno = fd < 0 ? libc.errno() : 0
  let over = false
  const cancel = (): void => {
    if (over) return
    over = true
    if (fd >= 0) loop.release(fd)
  }
  const fail = (code: number): void => {
    cancel()
    failed(dialErrorOf(c.errnoName(code)))
  }
  const failLater = (code: number): Dialing => {
    loop.later(() => {
      if (!over) fail(code)
    })
    return { cancel }
  }
  if (fd >= 0) {
    c.tune(libc, fd)
    if (libc.connect(fd, pointer(address, 0), length) !== 0) errno = libc.errno()
  }
  if (errno !== 0 && errno !== c.EINPROGRESS) return failLater(errno)
  const ready = (): void => {
    const code = c.socketError(libc, fd)
    if (code !== 0) return fail(code)
    over = true
    const link = loop.adoptDialed(fd, v4 ? 'ipv4' : 'ipv6')
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
  return failLater(errno)
}
