import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/**
 * From now on the temporary files of this process and of those it starts lie in a folder that goes with it, however it
 * ends short of SIGKILL. Called behind the imports: what ends children at the exit is registered by them, and comes first.
 */
export const ownTmp = (name: string): void => {
  const folder = mkdtempSync(join(tmpdir(), `mtscope-${name}-`))
  process.env.TMPDIR = folder
  process.on('exit', () => rmSync(folder, { recursive: true, force: true, maxRetries: 3 }))
}
