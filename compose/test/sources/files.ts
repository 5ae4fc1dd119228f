import { existsSync, readdirSync } from 'node:fs'
import { join, relative } from 'node:path'

/** Where our sources are. */
export const folders = ['proxy', 'collector', 'dashboards', 'redis', 'compose']

/** Every file of ours whose name matches, relative to `root`, sorted. */
export const filesOf = (root: string, name: RegExp): string[] =>
  folders
    .filter((folder) => existsSync(join(root, folder)))
    .flatMap((folder) => readdirSync(join(root, folder), { recursive: true, withFileTypes: true }))
    .filter(
      (entry) =>
        entry.isFile() &&
        !entry.name.startsWith('.') &&
        name.test(entry.name) &&
        !entry.parentPath.includes('node_modules'),
    )
    .map((entry) => relative(root, join(entry.parentPath, entry.name)))
    .sort()
