import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'

test('the key of the stack is made once, for its owner only, and a damaged one is not replaced', () => {
  const folder = mkdtempSync(join(tmpdir(), 'mtscope-'))
  using _ = { [Symbol.dispose]: () => rmSync(folder, { recursive: true, force: true }) }
  const file = join(folder, 'users.key')
  const run = () =>
    spawnSync(process.execPath, [join(import.meta.dirname, 'users-key.ts'), folder], { encoding: 'utf8' })
  assert.is(run().status, 0)
  const key = readFileSync(file, 'utf8')
  assert.match(key, /^[0-9a-f]{64}\n$/)
  assert.is(statSync(file).mode & 0o777, 0o600)
  assert.is(run().status, 0)
  assert.is(readFileSync(file, 'utf8'), key)
  writeFileSync(file, 'damaged')
  const { status, stderr } = run()
  assert.is(status, 1)
  assert.match(stderr, /^USERS_KEY does not fit the users: .*users.key must have 64 hex digits/)
  assert.is(readFileSync(file, 'utf8'), 'damaged')
})

test.run()
