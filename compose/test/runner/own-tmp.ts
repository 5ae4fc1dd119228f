import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/**
 * From now on this process and its children put temporary files into a folder that is removed at the exit, except after
 * SIGKILL. Call it after the imports: exit handlers that end children are registered by imports and must run first.
 */
export const ownTmp = (name: string): void => {
  const folder = mkdtempSync(join(tmpdir(), `mtscope-${name}-`))
  process.env.TMPDIR = folder
  process.on('exit', () => rmSync(folder, { recursive: true, force: true, maxRetries: 3 }))
}
