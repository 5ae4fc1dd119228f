import { ffi } from '../../wire/native.ts'
import type { Libc } from './libc.ts'
import { setMark } from './marks.ts'

export const F_DUPFD_CLOEXEC = 1030

/** `libc` that marks every descriptor while it is open. */
export const markingLibc = (libc: Libc, memory: SharedArrayBuffer): Libc => {
  const marks = new Uint8Array(memory)
  const opened = (fd: number): number => {
    if (fd >= 0) setMark(marks, fd, true)
    return fd
  }
  const pair = (result: number, ends: bigint): number => {
    if (result === 0) for (const fd of new Int32Array(ffi!.toArrayBuffer(ends, 8, false))) opened(fd)
    return result
  }
  return {
    ...libc,
    epoll_create1: (flags) => opened(libc.epoll_create1(flags)),
    socket: (domain, type, protocol) => opened(libc.socket(domain, type, protocol)),
    accept4: (fd, address, length, flags) => opened(libc.accept4(fd, address, length, flags)),
    fcntl: (fd, command, value) => {
      const result = libc.fcntl(fd, command, value)
      return command === F_DUPFD_CLOEXEC ? opened(result) : result
    },
    pipe2: (ends, flags) => pair(libc.pipe2(ends, flags), ends),
    socketpair: (domain, type, protocol, ends) => pair(libc.socketpair(domain, type, protocol, ends), ends),
    close: (fd) => {
      // Before the kernel may give the number to another thread.
      setMark(marks, fd, false)
      return libc.close(fd)
    },
  }
}
