import { spawnSync } from 'node:child_process'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { ffi } from './native.ts'

/** What a program prints that uses the C library with addresses that are checked. */
const checkedProgram = (body: string): string => {
  const libc = JSON.stringify(new URL('../net/epoll/libc.ts', import.meta.url).href)
  const native = JSON.stringify(new URL('./native.ts', import.meta.url).href)
  const program = `const { libc } = await import(${libc}); const { pointer, lastingPointer } = await import(${native});
    try { ${body}; console.log('called') } catch (error) { console.log(error.message) }`
  const options = { encoding: 'utf8', env: { ...process.env, MTSCOPE_CHECK_ADDRESSES: '1' } } as const
  const flags = ['--expose-gc', '--no-warnings', '--input-type=module', '--eval', program]
  return spawnSync(process.execPath, flags, options).stdout.trim()
}

if (ffi !== null && process.platform === 'linux') {
  for (const [what, body, printed] of [
    ['a whole buffer', 'libc.pipe2(pointer(Buffer.alloc(8), 0), 0)', 'called'],
    [
      'a buffer that is too small',
      'libc.pipe2(pointer(new Uint8Array(7), 0), 0)',
      'pipe2: 8 bytes at its address, which has 7',
    ],
    [
      'the buffer before the last one',
      'const at = pointer(new Uint8Array(8), 0); pointer(new Uint8Array(9), 0); libc.pipe2(at, 0)',
      'pipe2: no memory that is kept alive is at its address',
    ],
    [
      'a collected buffer',
      `const at = (() => lastingPointer(new Uint8Array(8)))()
       for (let i = 0; i < 3; i++) { await new Promise(setImmediate); gc() }
       libc.pipe2(at, 0)`,
      'pipe2: no memory that is kept alive is at its address',
    ],
  ] as const)
    test(`MTSCOPE_CHECK_ADDRESSES: ${what}`, () => {
      assert.is(checkedProgram(body), printed)
    })
}

test.run()
