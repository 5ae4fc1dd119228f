import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

// `node compose/test/house/list-functions.ts [folder...]`: functions of more than 60 lines, the excepted ones of biome.jsonc too.

const root = join(import.meta.dirname, '../../..')
const folder = mkdtempSync(join(tmpdir(), 'mtscope-lint-'))
const rule = { level: 'error', options: { maxLines: 60 } }
writeFileSync(
  join(folder, 'biome.json'),
  JSON.stringify({
    files: { includes: ['**', '!**/*.test.ts'] },
    linter: { rules: { preset: 'none', complexity: { noExcessiveLinesPerFunction: rule } } },
  }),
)
const folders =
  process.argv.length > 2 ? process.argv.slice(2) : ['proxy', 'collector', 'dashboards', 'compose']
const { stdout, stderr } = spawnSync(
  join(root, 'node_modules/.bin/biome'),
  ['lint', `--config-path=${folder}`, '--colors=off', '--max-diagnostics=200', ...folders],
  { cwd: root, encoding: 'utf8' },
)
rmSync(folder, { recursive: true })
const found = `${stdout}${stderr}`.matchAll(
  /^(\S+:\d+):\d+ lint\/complexity[\s\S]*?too many lines \((\d+)\)/gm,
)
for (const [, place, lines] of found) process.stdout.write(`${lines} ${place}\n`)
