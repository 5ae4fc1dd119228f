import { createHash } from 'node:crypto'
import { readdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'

const filesIn = (path: string): string[] =>
  statSync(path).isDirectory()
    ? readdirSync(path)
        .sort()
        .flatMap((name) => filesIn(join(path, name)))
    : [path]

/** 12 hex digits of a hash over the files in `paths`, in this order. */
const digestOf = (paths: readonly string[]): string => {
  const hash = createHash('sha256')
  for (const file of paths.flatMap(filesIn)) {
    const content = readFileSync(file)
    hash.update(`${content.length}\n`).update(content)
  }
  return hash.digest('hex').slice(0, 12)
}

const label = /(mtscope\.digest\.(\w+): )'\w*'/g

/** `text`, a compose file, with current labels `mtscope.digest.<service>`: the hash of the files that the service mounts. */
export const withDigests = (text: string): string =>
  text.replace(label, (_, name: string, service: string) => {
    const [, block = ''] = new RegExp(`^  ${service}:\n((?:(?:    .*)?\n)*)`, 'm').exec(text) ?? []
    const mounted = [...block.matchAll(/(\.\.?\/[^:\s]+):\//g)].map(([, path = '']) =>
      join(import.meta.dirname, path),
    )
    if (mounted.length === 0)
      throw new Error(`${service} has a digest label but mounts no file of the repository`)
    return `${name}'${digestOf(mounted)}'`
  })
