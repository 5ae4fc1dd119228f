import { spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { test } from 'uvu'
import * as assert from 'uvu/assert'

test('the page type-checks against the status, with the types of a browser', () => {
  const tsc = fileURLToPath(import.meta.resolve('typescript/package.json')).replace('package.json', 'bin/tsc')
  const { status, stdout } = spawnSync(process.execPath, [
    tsc,
    '-p',
    fileURLToPath(new URL('..', import.meta.url)),
  ])
  assert.is(status, 0, stdout.toString())
})

test.run()
