import { existsSync, readdirSync } from 'node:fs'
import { join, relative } from 'node:path'

/** The folders that have code. */
export const folders = ['proxy', 'collector', 'dashboards', 'redis', 'compose']

/** Not ours, or not in the repository. */
const skipped = /(?:^|\/)(?:node_modules|\.git|data|coverage)$/

const filesBelow = (root: string, folder: string): string[] =>
  readdirSync(join(root, folder), { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name)
    if (entry.isDirectory()) return skipped.test(path) ? [] : filesBelow(root, path)
    return entry.isFile() ? [path] : []
  })

/** Every code file whose name matches, relative to `root`, sorted. */
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

const text =
  /\.(?:ts|mjs|md|ya?ml|sh|html|css|lua|conf|go)$|(?:^|\/)(?:Dockerfile|mtscope|\.env\.example|\.npmrc|biome\.jsonc)$/

/** Every file of the repository, relative to `root`, sorted. */
export const allFilesOf = (root: string): string[] => filesBelow(root, '').sort()

/** Every file that has prose, documents and workflows too, relative to `root`, sorted. */
export const textFilesOf = (root: string): string[] => allFilesOf(root).filter((path) => text.test(path))
