import * as c from '../../../proxy/net/epoll/libc.ts'
import { ffi } from '../../../proxy/wire/native.ts'
import { Finding } from './target.ts'

const [ENOENT, ENOTCONN, ECONNREFUSED, EHOSTUNREACH, ENETUNREACH] = [2, 107, 111, 113, 101]
const [ECONNRESET, EPIPE, ETIMEDOUT, ENOSPC, EACCES, EIO, ECONNABORTED] = [104, 32, 110, 28, 13, 5, 103]
const { EMFILE, ENFILE, ENOMEM, ENOBUFS, EPERM, EINTR, EAGAIN, EINVAL, ENOSYS, EBADF, EADDRINUSE } = c

type Call = Exclude<keyof c.Libc, 'errno'>

/** Errors that the kernel, a sandbox or a lack of memory gives. The order is part of the corpus: append. */
const errors: readonly (readonly [Call, readonly number[]])[] = [
  ['socket', [EMFILE, ENFILE, ENOBUFS, ENOMEM, EACCES]],
  ['bind', [EADDRINUSE, EACCES, ENOMEM]],
  ['listen', [EADDRINUSE, ENOBUFS]],
  ['accept4', [EMFILE, ENFILE, ENOMEM, ENOBUFS, ECONNABORTED, EINTR, EPERM, EAGAIN, EIO]],
  ['connect', [ECONNREFUSED, EHOSTUNREACH, ENETUNREACH, EACCES, EPERM, EAGAIN, EINTR, ENOBUFS]],
  ['getsockname', [ENOBUFS, EBADF]],
  ['setsockopt', [EPERM, EINVAL, ENOMEM]],
  ['getsockopt', [ENOBUFS, EBADF, EPERM]],
  ['recv', [ECONNRESET, EINTR, EAGAIN, ENOMEM, ETIMEDOUT, EIO, EBADF, ECONNREFUSED]],
  ['send', [EPIPE, ECONNRESET, EINTR, EAGAIN, ENOBUFS, ENOMEM, ETIMEDOUT]],
  ['read', [EIO, EINTR, EAGAIN]],
  ['splice', [EINVAL, ENOSYS, EPERM, EAGAIN, EPIPE, ECONNRESET, ENOMEM, EINTR]],
  ['socketpair', [EMFILE, ENFILE, ENOMEM, EPERM]],
  ['pipe2', [EMFILE, ENFILE, ENOSYS]],
  ['fcntl', [EPERM, EINVAL, EAGAIN]],
  ['shutdown', [ENOTCONN, ENOBUFS, EINVAL]],
  ['close', [EINTR, EIO]],
  ['epoll_create1', [EMFILE, ENFILE, ENOMEM, ENOSYS]],
  ['epoll_ctl', [ENOMEM, ENOSPC, EPERM, ENOENT]],
  ['epoll_wait', [EINTR, EBADF, EPERM, EINVAL]],
  ['getpeername', [ENOTCONN, ENOBUFS]],
]

/** `burst` refusals of a call from its `nth` on. */
export type Refusal = {
  readonly call: Call
  readonly errno: number
  readonly nth: number
  readonly burst: number
}

export const refusalOf = ([call = 0, errno = 0, nth = 0, burst = 0]: Iterable<number>): Refusal => {
  const [name, errnos] = errors[call % errors.length]!
  return { call: name, errno: errnos[errno % errnos.length]!, nth: 1 + (nth % 64), burst: 1 + (burst % 8) }
}

/** The functions that can be refused. */
export const calls: readonly Call[] = errors.map(([call]) => call)

/** The four bytes of a refusal of the `nth` call, from 1; `errno` counts within the errors of the call. */
export const refusalBytes = (call: Call, errno: number, nth: number, burst = 1): readonly number[] => [
  calls.indexOf(call),
  errno,
  nth - 1,
  burst - 1,
]

/**
 * With the refusal without which the call is not made: bytes are read out of the pipe of splices only after a far end has
 * refused them, so the first such read fails, at several moments. The first two splices are those of the test at the start.
 */
export const reaching = (refusal: readonly number[]): readonly number[] => {
  const [call = 0, errno = 0, nth = 0, burst = 0] = refusal
  if (calls[call % calls.length] !== 'read') return refusal
  const EAGAIN_OF_SPLICE = 3
  return [call, errno, 0, burst, ...refusalBytes('splice', EAGAIN_OF_SPLICE, 4 + 2 * (nth % 8))]
}

/** Position of the descriptors among a call's arguments. */
const descriptorsAt: Readonly<Partial<Record<Call, readonly number[]>>> = {
  ...{
    bind: [0],
    listen: [0],
    accept4: [0],
    connect: [0],
    getsockname: [0],
    getpeername: [0],
    setsockopt: [0],
    getsockopt: [0],
  },
  ...{
    recv: [0],
    send: [0],
    read: [0],
    splice: [0, 1],
    fcntl: [0],
    shutdown: [0],
    close: [0],
    epoll_wait: [0],
  },
  epoll_ctl: [0, 2],
}
const opens: ReadonlySet<Call> = new Set<Call>(['socket', 'accept4', 'epoll_create1'])
const opensPair: Readonly<Partial<Record<Call, number>>> = { socketpair: 3, pipe2: 0 }

/**
 * The C library with refusals in front of it, and a ledger of its descriptors: a call with a descriptor that is not open, as
 * after a second close, throws.
 */
export const refusingLibc = (refusals: readonly Refusal[]) => {
  const real = c.libc!
  const open = new Set<number>()
  const misuses: string[] = []
  const counts = new Map<Call, number>()
  const refused: string[] = []
  let active = true
  // As in the kernel: it stays until the next call.
  let errno = 0

  const refusalFor = (call: Call): Refusal | undefined => {
    const count = (counts.get(call) ?? 0) + 1
    counts.set(call, count)
    if (!active) return undefined
    return refusals.find((one) => one.call === call && count >= one.nth && count < one.nth + one.burst)
  }
  const record = (call: Call, args: readonly unknown[], result: number): void => {
    if (result >= 0 && opens.has(call)) open.add(result)
    const at = opensPair[call]
    if (result !== 0 || at === undefined) return
    const ends = new Int32Array(ffi!.toArrayBuffer(args[at] as bigint, 8, true))
    for (const end of ends) open.add(end)
  }
  const front = (Object.entries(real) as [keyof c.Libc, (...args: unknown[]) => number][]).map(
    ([name, call]) => [
      name,
      (...args: unknown[]): number => {
        if (name === 'errno') return errno || real.errno()
        for (const at of descriptorsAt[name] ?? [])
          if (!open.has(args[at] as number)) misuses.push(`${name} of a descriptor that is not open`)
        const refusal = refusalFor(name)
        errno = refusal?.errno ?? 0
        if (refusal !== undefined) refused.push(`${name} ${c.errnoName(errno)}`)
        if (name === 'close') open.delete(args[0] as number)
        // Linux closes a descriptor even where close fails.
        if (refusal === undefined || name === 'close') {
          const result = call(...args)
          record(name, args, result)
          if (refusal === undefined) return result
        }
        return -1
      },
    ],
  )
  return {
    libc: Object.fromEntries(front) as c.Libc,
    open,
    /** `call errno` of each refusal that a call met. */
    refused,
    /** From now on, no call is refused. */
    stop: (): void => {
      active = false
    },
    check: (): void => {
      const [misuse] = misuses
      if (misuse !== undefined) throw new Finding('wrong', misuse)
    },
    closeAll: (): void => {
      for (const fd of open) real.close(fd)
    },
  }
}
