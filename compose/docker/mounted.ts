import { createHash } from 'node:crypto'
import { readdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'

const filesIn = (path: string): string[] =>
  statSync(path).isDirectory()
    ? readdirSync(path)
        .sort()
        .flatMap((name) => filesIn(join(path, name)))
    : [path]

/** Of files and folders, in this order: 12 hex digits that change when anything in them does. */
const digestOf = (paths: readonly string[]): string => {
  const hash = createHash('sha256')
  for (const file of paths.flatMap(filesIn)) {
    const content = readFileSync(file)
    hash.update(`${content.length}\n`).update(content)
  }
  return hash.digest('hex').slice(0, 12)
}

const label = /(mtscope\.digest\.(\w+): )'\w*'/g

/** A compose file with the labels `mtscope.digest.<service>` renewed: each is of what that service mounts from here. */
export const withDigests = (text: string): string =>
  text.replace(label, (_, name: string, service: string) => {
    const [, block = ''] = new RegExp(`^  ${service}:\n((?:(?:    .*)?\n)*)`, 'm').exec(text) ?? []
    const mounted = [...block.matchAll(/(\.\.?\/[^:\s]+):\//g)].map(([, path = '']) =>
      join(import.meta.dirname, path),
    )
    if (mounted.length === 0) throw new Error(`${service} mounts nothing from here`)
    return `${name}'${digestOf(mounted)}'`
  })
