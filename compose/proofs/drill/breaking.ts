import { rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** A proxy that runs with `env` throws in every handshake between `start` and `stop`. */
export const breaking = (name: string) => {
  const file = join(tmpdir(), `mtscope-${name}-${process.pid}`)
  const preload = new URL('break.ts', import.meta.url)
  preload.searchParams.set('while', file)
  return {
    env: { NODE_OPTIONS: `--import=${preload.href}` },
    start: (): void => writeFileSync(file, ''),
    stop: (): void => rmSync(file, { force: true }),
  }
}
