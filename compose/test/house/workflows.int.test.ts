import { spawnSync } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { skipUnless } from '../kit/skip.ts'
import { ensureActionlint } from '../services/actionlint.ts'

const root = join(import.meta.dirname, '../../..')
const actionlint = ensureActionlint()
const it = skipUnless(test, actionlint !== null, 'actionlint is missing')

it('actionlint accepts every workflow', () => {
  // Without the linters for shell and Python, which not every machine has.
  const { status, stdout, stderr } = spawnSync(actionlint!, ['-no-color', '-shellcheck=', '-pyflakes='], {
    cwd: root,
    encoding: 'utf8',
  })
  assert.is(`${stdout}${stderr}`, '')
  assert.is(status, 0)
})

test('every npm script that a workflow runs exists', () => {
  const { scripts } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as {
    scripts: Record<string, string>
  }
  const folder = join(root, '.github/workflows')
  const named = readdirSync(folder).flatMap((name) => [
    ...readFileSync(join(folder, name), 'utf8').matchAll(/npm run ([\w:]+)/g),
  ])
  assert.ok(named.length > 5)
  for (const [, script = ''] of named) assert.ok(Object.hasOwn(scripts, script), script)
})

test.run()
