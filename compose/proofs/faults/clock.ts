import { globSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { ensure } from '../../test/services/debian.ts'

/** A wall clock that can be set while a process runs (libfaketime). Timers keep the monotonic clock, as on a real host. */
export const settableClock = () => {
  ensure('faketime', 'faketime')
  const [library] = globSync('/usr/lib/*/faketime/libfaketimeMT.so.1')
  if (library === undefined) throw new Error('no libfaketime: install the package faketime')
  const folder = mkdtempSync(join(tmpdir(), 'mtscope-clock-'))
  const file = join(folder, 'now')
  const set = (seconds: number): void => writeFileSync(file, `${seconds < 0 ? '' : '+'}${seconds}\n`)
  set(0)
  return {
    env: {
      LD_PRELOAD: library,
      FAKETIME_TIMESTAMP_FILE: file,
      FAKETIME_NO_CACHE: '1',
      FAKETIME_DONT_FAKE_MONOTONIC: '1',
    },
    set,
    [Symbol.dispose]: () => rmSync(folder, { recursive: true, force: true }),
  }
}
