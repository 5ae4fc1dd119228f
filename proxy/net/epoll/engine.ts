import { ffi } from '../../wire/native.ts'
import type { Engine } from '../link.ts'
import { dial } from './dial.ts'
import * as c from './libc.ts'
import { listen } from './listen.ts'
import { EpollLoop } from './loop.ts'
import { openWaker } from './pipe.ts'

/**
 * The relay's event loop on Linux: epoll, recv, send and splice by Node's FFI. It has one read buffer for all links, one
 * small object per connection and no streams, so that an idle connection costs almost nothing. Null where FFI, Linux, a
 * tested processor or epoll is missing. `warn` takes a line about what the kernel refuses.
 */
export const nativeEngine = (
  scratchBytes: number,
  warn: (line: string) => void = () => {},
  libc: c.Libc | null = c.libc,
): Engine | null => {
  if (libc === null || ffi === null) return null
  const refused = (): null => {
    warn(`epoll is refused (${c.errnoName(libc.errno())}): node:net relays instead, which costs more CPU`)
    return null
  }
  const epoll = libc.epoll_create1(c.SOCK_CLOEXEC)
  if (epoll < 0) return refused()
  const loop = new EpollLoop(libc, epoll, scratchBytes, warn)
  if (!loop.prove()) {
    refused()
    loop.discard()
    return null
  }
  return {
    kind: 'native',
    endsDeafPeers: true,
    waker: () =>
      openWaker(
        libc,
        (fd, waiting) => loop.wait(fd, waiting),
        () => loop.wake(),
      ),
    listen: async (options) => listen(loop, options, warn),
    dial: (host, port, connected, failed, source) => dial(loop, host, port, connected, failed, source),
    run: (work, report) => loop.run(work, report),
    stop: () => loop.stop(),
    sample: () => loop.sample(),
  }
}
