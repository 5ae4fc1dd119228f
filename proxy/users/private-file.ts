import {
  chmodSync,
  chownSync,
  closeSync,
  fsyncSync,
  openSync,
  readdirSync,
  renameSync,
  rmSync,
  statSync,
  writeSync,
} from 'node:fs'
import { dirname, join } from 'node:path'

/** Flushes the folder, so that a rename survives a crash. Some file systems cannot. */
const flush = (folder: string): void => {
  const file = openSync(folder, 'r')
  try {
    fsyncSync(file)
  } catch {
  } finally {
    closeSync(file)
  }
}

/** A crash leaves a draft behind, with a key that must not outlive its day. */
export const removeDrafts = (folder: string, name: string): void => {
  for (const file of readdirSync(folder)) {
    if (file.startsWith(`${name}.`) && file.endsWith('.new')) rmSync(join(folder, file), { force: true })
  }
}

/** Root writes for the owner of the folder: the appliance must be able to read what a command wrote. */
export const giveToOwner = (path: string): void => {
  if (process.geteuid?.() !== 0) return
  const { uid, gid } = statSync(dirname(path))
  if (uid !== 0) chownSync(path, uid, gid)
}

/** Writes `folder/name` (0600). Atomic: a crash leaves the old file or the new one. Throws what the file system throws. */
export const writePrivate = (folder: string, name: string, text: string): void => {
  const path = join(folder, name)
  const draft = `${path}.${process.pid}.new`
  try {
    const file = openSync(draft, 'w', 0o600)
    try {
      writeSync(file, text)
      fsyncSync(file)
    } finally {
      closeSync(file)
    }
    chmodSync(draft, 0o600)
    giveToOwner(draft)
    renameSync(draft, path)
    flush(folder)
  } catch (error) {
    rmSync(draft, { force: true, recursive: true })
    throw error
  }
}
