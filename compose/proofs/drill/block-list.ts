import { rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** A file of BLOCK_LISTS that exists between `write` and `remove`, at the end of the program at the latest. */
export const blockList = (name: string) => {
  const file = join(tmpdir(), `mtscope-${name}-${process.pid}.txt`)
  const remove = (): void => rmSync(file, { force: true })
  return {
    env: { BLOCK_LISTS: file },
    write: (): void => {
      writeFileSync(file, '203.0.113.0/24\n')
      process.once('exit', remove)
    },
    remove,
  }
}
