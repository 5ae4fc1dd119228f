import { rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** How a relay thread dies: it exits, or uses up its heap. */
export type Way = 'exit' | 'heap'

/** Relay threads of a proxy that runs with `env` die by `kill`. The program itself has no such way. */
export const dying = (name: string, way: Way = 'exit') => {
  const file = join(tmpdir(), `mtscope-${name}-${process.pid}`)
  const preload = new URL('die.ts', import.meta.url)
  preload.searchParams.set('orders', file)
  const written = new Set<string>()
  return {
    env: { NODE_OPTIONS: `--import=${preload.href}${way === 'heap' ? ' --max-old-space-size=96' : ''}` },
    /** The relay thread `worker` of a process dies in a moment. */
    kill: (pid: number, worker: number): void => {
      const path = `${file}-${pid}-${worker}`
      written.add(path)
      writeFileSync(path, way)
    },
    [Symbol.dispose]: (): void => {
      for (const path of written) rmSync(path, { force: true })
    },
  }
}
