import { lstatSync } from 'node:fs'

/** What to do about a file or folder of somebody else, for an operator: whose it is, and who asks. */
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
