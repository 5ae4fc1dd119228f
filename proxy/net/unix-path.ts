import { lstatSync, type Stats, unlinkSync } from 'node:fs'
import { connect } from 'node:net'
import { codeOf, ListenError } from './listen-error.ts'

const statOf = (path: string): Stats | null => {
  try {
    return lstatSync(path)
  } catch {
    return null
  }
}

/** The code with which a connection fails; null: something listens. */
const connectError = (path: string): Promise<string | null> =>
  new Promise((resolve) => {
    const socket = connect({ path })
    socket.on('error', (error) => resolve(codeOf(error)))
    socket.on('connect', () => {
      socket.destroy()
      resolve(null)
    })
  })

/**
 * Makes room for a socket at `path`: removes the file that a killed process left, only if it is a socket on which nothing
 * listens. Throws a ListenError for anything else.
 */
export const clearPath = async (path: string): Promise<void> => {
  const found = statOf(path)
  if (found === null) return
  const wrong = (why: string): never => {
    throw new ListenError(`LISTEN=unix:${path} cannot be listened on: ${why}`)
  }
  if (!found.isSocket()) wrong('the path is not a socket: remove it, or choose another path')
  const error = await connectError(path)
  if (error === null) wrong('another program listens there: stop it, or choose another path')
  if (error === 'ENOENT') return
  if (error !== 'ECONNREFUSED') wrong(`${error}: remove the file, or choose another path`)
  try {
    unlinkSync(path)
  } catch (cause) {
    wrong(`the socket that a stopped process left cannot be removed (${codeOf(cause)}): remove it`)
  }
}

/** Returns what removes the socket that was just opened at `path`, unless another program has put its own there. */
export const removerOf = (path: string): (() => void) => {
  const inode = statOf(path)?.ino
  return () => {
    if (inode === undefined || statOf(path)?.ino !== inode) return
    try {
      unlinkSync(path)
    } catch {
      // The next start removes it.
    }
  }
}
