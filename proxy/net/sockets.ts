import { closeSync } from 'node:fs'
import { type Libc, libc } from './epoll/libc.ts'
import { adoptListener, nameOf, openListener, placeOf } from './epoll/listening-socket.ts'
import type { Tuning } from './epoll/tcp.ts'
import { inheritedBy, inheritedSockets } from './inherited.ts'
import type { ListenAt, ListenOn } from './link.ts'
import { type ClaimedPort, claimPort, codeOf, ListenError, portError } from './listen-error.ts'
import { clearPath, removerOf } from './unix-path.ts'

/** The listening sockets of the process. Threads accept from duplicates, so that a dead thread's clients wait for the next. */
export type Sockets = {
  /** For each listener, for each thread: where it listens. */
  readonly places: readonly (readonly (readonly ListenOn[])[])[]
  /** The port of each listener; null: it has none. */
  readonly ports: readonly (number | null)[]
  /** Closes them and removes the files of Unix sockets. A second call does nothing. */
  close(): void
}

export type SocketOptions = {
  readonly threads: number
  /** Whether the threads relay by epoll. */
  readonly native: boolean
  readonly tuning: Tuning
  readonly env: NodeJS.ProcessEnv
  /** Takes a line about what the kernel refuses. */
  readonly warn: (line: string) => void
}

/** Each thread accepts from every socket, or from its share where there are enough for all. */
const spread = (descriptors: readonly number[], threads: number): ListenOn[][] => {
  const shared = descriptors.length < threads
  return Array.from({ length: threads }, (_, thread) =>
    descriptors
      .filter((__, i) => shared || i % threads === thread)
      .map((descriptor) => ({ descriptor, shared })),
  )
}

/** For a port: each thread listens by itself. For a path: the first thread alone. */
const byThemselves = (at: ListenOn, threads: number): ListenOn[][] =>
  Array.from({ length: threads }, (_, thread) => ('host' in at || thread === 0 ? [at] : []))

const cannotListen = (at: Exclude<ListenAt, { inherited: string }>, error: unknown): ListenError =>
  'path' in at
    ? new ListenError(
        `LISTEN=unix:${at.path} cannot be listened on (${codeOf(error)}): make its folder, writable for this user`,
      )
    : portError('LISTEN', at.host, at.port, codeOf(error))

/** Where the sockets of systemd listen, as far as the kernel has an address for them. */
export const inheritedPlaces = (wanted: string, env: NodeJS.ProcessEnv): readonly ListenAt[] =>
  inheritedSockets(env, process.pid).flatMap(({ descriptor, name }) =>
    libc === null || (wanted !== '' && name !== wanted) ? [] : (placeOf(libc, descriptor) ?? []),
  )

const portOf = (at: ListenAt, [first]: readonly (readonly ListenOn[])[]): number | null => {
  if ('port' in at) return at.port
  const on = first?.[0]
  const port = libc !== null && on !== undefined && 'descriptor' in on ? nameOf(libc, on.descriptor).port : 0
  return port === 0 ? null : port
}

/** Opens what the threads cannot open themselves; with the native engine, every socket. Throws a ListenError. */
export const openSockets = async (
  listeners: readonly ListenAt[],
  options: SocketOptions,
): Promise<Sockets> => {
  const { threads, tuning, warn, env } = options
  const opened: number[] = []
  const undo: (() => void)[] = []
  const close = (): void => {
    for (const call of undo.splice(0)) call()
    for (const fd of opened.splice(0)) closeSync(fd)
  }
  const open = (system: Libc, at: Exclude<ListenAt, { inherited: string }>, count: number): number[] =>
    Array.from({ length: count }, () => {
      try {
        const fd = openListener(system, at, tuning, warn)
        opened.push(fd)
        return fd
      } catch (error) {
        throw cannotListen(at, error)
      }
    })
  const place = async (at: ListenAt): Promise<ListenOn[][]> => {
    if ('inherited' in at) {
      const descriptors = inheritedBy(at.inherited, env, process.pid)
      opened.push(...descriptors)
      const deaf =
        libc === null ? undefined : descriptors.find((fd) => !adoptListener(libc!, fd, tuning, warn))
      if (deaf !== undefined)
        throw new ListenError(
          `LISTEN=systemd got descriptor ${deaf}, which does not listen: set Accept=no and a stream socket`,
        )
      return libc === null
        ? [descriptors.map((descriptor) => ({ descriptor, shared: false }))]
        : spread(descriptors, threads)
    }
    if ('host' in at) {
      return options.native && libc !== null
        ? spread(open(libc, at, threads), threads)
        : byThemselves(at, threads)
    }
    await clearPath(at.path)
    if (libc === null) return byThemselves(at, threads)
    const descriptors = open(libc, at, 1)
    undo.push(removerOf(at.path))
    return spread(descriptors, threads)
  }
  try {
    const places: ListenOn[][][] = []
    for (const at of listeners) places.push(await place(at))
    return {
      places,
      ports: listeners.map((at, i) => portOf(at, places[i]!)),
      close,
    }
  } catch (error) {
    close()
    throw error
  }
}

/** Claims the ports of the listeners, and returns them with port 0 replaced by a free one. */
export const claimPorts = async (
  listeners: readonly ListenAt[],
  isShort: boolean,
  isShared: boolean,
): Promise<{ listeners: readonly ListenAt[]; free(): void }> => {
  const claims: ClaimedPort[] = []
  const free = (): void => {
    for (const claim of claims) claim.free()
  }
  try {
    const claimed: ListenAt[] = []
    for (const at of listeners) {
      if (!('host' in at)) {
        claimed.push(at)
        continue
      }
      const claim = await claimPort(isShort ? 'MTPROTO_PORT' : 'LISTEN', at.host, at.port, isShared)
      claims.push(claim)
      claimed.push({ host: at.host, port: claim.port })
    }
    return { listeners: claimed, free }
  } catch (error) {
    free()
    throw error
  }
}
