import { pointer } from '../../wire/native.ts'
import * as c from './libc.ts'
import type { Pipe } from './native-link.ts'

export const openPipe = (libc: c.Libc): Pipe | null => {
  const ends = c.pinned(8)
  if (libc.pipe2(pointer(ends, 0), c.O_NONBLOCK_CLOEXEC) !== 0) return null
  const write = ends.readInt32LE(4)
  const size = libc.fcntl(write, c.F_SETPIPE_SZ, 1 << 19)
  return { read: ends.readInt32LE(0), write, size: size > 0 ? size : 65536 }
}

/**
 * A pipe that another thread writes a byte to when it has a message: `woken` is called once for any number of them. Its
 * end to write to; null when there are no descriptors left.
 */
export const openWaker = (
  libc: c.Libc,
  wait: (fd: number, waiting: { ready(): void }) => void,
  woken: () => void,
): number | null => {
  const pipe = openPipe(libc)
  if (pipe === null) return null
  const drain = c.pinned(64)
  const ready = (): void => {
    while (libc.read(pipe.read, pointer(drain, 0), 64) === 64) {}
    woken()
  }
  wait(pipe.read, { ready })
  return pipe.write
}
