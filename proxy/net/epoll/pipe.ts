import { pointer } from '../../wire/native.ts'
import { HEAD } from '../link.ts'
import * as c from './libc.ts'

/** The pipe that all links of a thread splice through: empty between calls. */
export type Pipe = { readonly read: number; readonly write: number; readonly size: number }

export const openPipe = (libc: c.Libc): Pipe | null => {
  const ends = c.pinned(8)
  if (libc.pipe2(pointer(ends, 0), c.O_NONBLOCK_CLOEXEC) !== 0) return null
  const write = ends.readInt32LE(4)
  const size = libc.fcntl(write, c.F_SETPIPE_SZ, 1 << 19)
  return { read: ends.readInt32LE(0), write, size: size > 0 ? size : 65536 }
}

export const closePipe = (libc: c.Libc, pipe: Pipe): void => {
  libc.close(pipe.read)
  libc.close(pipe.write)
}

/** Reads `left` bytes of the pipe, each time to [HEAD, end) of `scratch`. Returns the errno of a failure (0: no bytes), else null. */
export const readPipe = (
  libc: c.Libc,
  pipe: Pipe,
  scratch: Buffer,
  left: number,
  take: (end: number) => void,
): number | null => {
  for (let n = 0; left > 0; left -= n) {
    n = libc.read(pipe.read, pointer(scratch, HEAD), Math.min(left, scratch.length - HEAD))
    if (n <= 0) return n < 0 ? libc.errno() : 0
    take(HEAD + n)
  }
  return null
}

/** Splices known bytes from socket to socket. Returns 0 when they come out, else the errno of the refused call. */
export const splices = (libc: c.Libc, pipe: Pipe): number => {
  const ends = c.pinned(8)
  const type = c.SOCK_STREAM | c.SOCK_NONBLOCK | c.SOCK_CLOEXEC
  if (libc.socketpair(c.AF_UNIX, type, 0, pointer(ends, 0)) !== 0) return libc.errno()
  const [near, far] = [ends.readInt32LE(0), ends.readInt32LE(4)]
  const [bytes, back] = [c.pinned(8).fill('mtscope.'), c.pinned(8)]
  const moves = (from: number, to: number): boolean =>
    libc.splice(from, to, bytes.length, c.SPLICE_F_MOVE_NONBLOCK) === bytes.length
  const proved =
    libc.send(far, pointer(bytes, 0), bytes.length, c.MSG_NOSIGNAL) === bytes.length &&
    moves(near, pipe.write) &&
    moves(pipe.read, near) &&
    libc.recv(far, pointer(back, 0), back.length, 0) === back.length
  const errno = proved && back.equals(bytes) ? 0 : libc.errno() || c.EINVAL
  libc.close(near)
  libc.close(far)
  return errno
}

/**
 * Opens a pipe into which another thread writes a byte when it has a message; `woken` is called once for any number of
 * bytes. Returns the end to write to; null when descriptors have run out or epoll refuses the pipe.
 */
export const openWaker = (
  libc: c.Libc,
  wait: (fd: number, waiting: { ready(): void }) => boolean,
  woken: () => void,
): number | null => {
  const pipe = openPipe(libc)
  if (pipe === null) return null
  const drain = c.pinned(64)
  const ready = (): void => {
    while (libc.read(pipe.read, pointer(drain, 0), 64) === 64) {}
    woken()
  }
  if (wait(pipe.read, { ready })) return pipe.write
  closePipe(libc, pipe)
  return null
}
