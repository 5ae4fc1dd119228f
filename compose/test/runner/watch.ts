import { existsSync, watch } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { folders } from '../sources/files.ts'

/** Editors write a file in several steps. */
const settleMs = 200

/** Calls `run` now and after each change of a source file, one run at a time, until `over` returns true. */
export const watchFiles = async (
  root: string,
  run: () => Promise<unknown>,
  over: () => boolean,
): Promise<void> => {
  let change = Promise.withResolvers<void>()
  const present = folders.filter((folder) => existsSync(join(root, folder)))
  const watchers = present.map((folder) =>
    watch(join(root, folder), { recursive: true }, (_, name) => {
      if (name === null || /\.(?:ts|mjs|lua|sh|yaml|json|css|html)$/.test(name)) change.resolve()
    }),
  )
  const stop = (): void => change.resolve()
  process.once('SIGINT', stop).once('SIGTERM', stop).once('SIGHUP', stop)
  while (!over()) {
    change = Promise.withResolvers<void>()
    await run()
    if (over()) break
    process.stdout.write('waiting for a change\n')
    await change.promise
    await wait(settleMs)
  }
  for (const watcher of watchers) watcher.close()
}
