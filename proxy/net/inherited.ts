import { ListenError } from './listen-error.ts'

/** The first descriptor that a supervisor passes. https://www.freedesktop.org/software/systemd/man/sd_listen_fds.html */
const FIRST = 3
const MOST = 1_024

export type Inherited = { readonly descriptor: number; readonly name: string }

/** The sockets that systemd, or another program with its protocol, has opened for the process `pid`. */
export const inheritedSockets = (
  env: Readonly<Record<string, string | undefined>>,
  pid: number,
): readonly Inherited[] => {
  const { LISTEN_FDS: text, LISTEN_PID: owner, LISTEN_FDNAMES: names = '' } = env
  if (text === undefined || owner !== String(pid)) return []
  const count = /^\d{1,4}$/.test(text) ? Math.min(Number(text), MOST) : 0
  const named = names.split(':')
  return Array.from({ length: count }, (_, i) => ({ descriptor: FIRST + i, name: named[i] ?? '' }))
}

/** The descriptors of `name`, or all; throws a ListenError where there is none. */
export const inheritedBy = (
  name: string,
  env: Readonly<Record<string, string | undefined>>,
  pid: number,
): readonly number[] => {
  const all = inheritedSockets(env, pid)
  const found = all.filter((socket) => name === '' || socket.name === name)
  if (found.length > 0) return found.map(({ descriptor }) => descriptor)
  const place = name === '' ? 'systemd' : `systemd:${name}`
  const names = [...new Set(all.map((socket) => socket.name))].join(', ')
  throw new ListenError(
    all.length === 0
      ? `LISTEN=${place} got no socket from systemd: start this service by its .socket unit (mtscope unit --socket)`
      : `LISTEN=${place} got only sockets named ${names}: write one of these names, or set FileDescriptorName`,
  )
}
