import { lstatSync } from 'node:fs'

/** What an operator does about a file or folder that this process cannot read: its owner, and the command. */
export const whose = (path: string): string => {
  const us = process.geteuid?.()
  try {
    const { uid } = lstatSync(path)
    return us === uid
      ? `it is yours, but closed: chmod -R u+rX ${path}`
      : `it belongs to uid ${uid}, and this runs as uid ${us}: run it as its owner, or sudo chown -R ${us} ${path}`
  } catch {
    return `a folder on the way to it is closed to uid ${us}: run it as the owner, or chmod a+x that folder`
  }
}
