import { getSystemErrorName } from 'node:util'
import { ffi } from '../../../proxy/wire/native.ts'

const P = 'pointer'

/** The functions of the C library that the emulator calls; declared as in proxy/net/epoll/libc.ts. Null without FFI. */
export const libc = (() => {
  if (ffi === null || process.platform !== 'linux') return null
  const of = (count: number) => ({ return: 'i32', arguments: Array<'pointer'>(count).fill(P) }) as const
  const { functions } = ffi.dlopen(null, {
    setns: of(2),
    ioctl: of(3),
    read: of(3),
    write: of(3),
    ppoll: of(4),
    fcntl: of(3),
    sched_setscheduler: of(3),
    __errno_location: { return: P, arguments: [] },
  })
  const errno = new Int32Array(ffi.toArrayBuffer(functions.__errno_location(), 4, false))
  return { ...functions, errno: (): number => errno[0]! }
})()

export const errorName = (errno: number): string => getSystemErrorName(-errno)

/** An address does not keep its memory alive. */
const held: ArrayBuffer[] = []

/** A buffer that neither moves nor goes, with the address of its first byte. */
export const pinned = (size: number): { readonly bytes: Buffer; readonly address: bigint } => {
  const memory = new ArrayBuffer(size)
  held.push(memory)
  return { bytes: Buffer.from(memory), address: ffi!.getRawPointer(memory) }
}
