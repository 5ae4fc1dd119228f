import { accessSync, constants, readdirSync, statfsSync, statSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { type Check, finding, reasonOf } from '../finding.ts'

const mebi = (bytes: number): string => `${Math.round(bytes / 1_048_576)} MiB`
/** Below this SQLite itself has no room to work. */
const least = 64 * 1_048_576

/** The folder, or its nearest existing parent. */
const existing = (path: string): string =>
  statSync(path, { throwIfNoEntry: false }) === undefined && dirname(path) !== path
    ? existing(dirname(path))
    : path

const sizeOf = (folder: string): number =>
  readdirSync(folder, { withFileTypes: true })
    .filter((entry) => entry.isFile() && entry.name.startsWith('log'))
    .reduce((sum, { name }) => sum + (statSync(join(folder, name), { throwIfNoEntry: false })?.size ?? 0), 0)

export const diskCheck: Check = ({ config }) => {
  const { dataDir, logMaxBytes } = config
  const folder = existing(resolve(dataDir))
  const id = 'disk.space'
  try {
    accessSync(folder, constants.W_OK | constants.X_OK)
    const { bavail, bsize, ffree, files } = statfsSync(folder)
    const free = bavail * bsize
    const used = folder === resolve(dataDir) ? sizeOf(folder) : 0
    const toCome = Math.max(0, logMaxBytes - used)
    const numbers = { free, used, LOG_MAX_BYTES: logMaxBytes }
    const states = `${mebi(free)} are free in DATA_DIR ${dataDir}; the event log has ${mebi(used)} and may grow to ${mebi(logMaxBytes)}`
    const advice = `free disk space, or set LOG_MAX_BYTES=${Math.max(1, Math.floor((free + used) / 2 / 1_048_576))}M`
    if (free < least) {
      return [finding(id, 'fail', `${states}: SQLite has no room to write events`, { advice, numbers })]
    }
    if (free < toCome + least) {
      return [finding(id, 'warn', `${states}: the disk will fill up`, { advice, numbers })]
    }
    if (files > 0 && ffree < 1_000) {
      return [
        finding(id, 'warn', `DATA_DIR ${dataDir} has only ${ffree} free inodes`, {
          advice: 'remove files from that disk',
          numbers,
        }),
      ]
    }
    return [finding(id, 'ok', states, { numbers })]
  } catch (error) {
    return [
      finding(id, 'fail', `DATA_DIR ${dataDir} is not writable: ${reasonOf(error)}`, {
        advice:
          'set DATA_DIR to a folder that the proxy’s user may write to (in a container, a volume of its own)',
      }),
    ]
  }
}
