import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

const maxLines = 60

export type LongFunction = { readonly path: string; readonly line: number; readonly lines: number }

/** Functions of more than 60 lines in these files and folders, those that biome.jsonc excepts too. Tests are left out. */
export const longFunctions = (root: string, paths: readonly string[]): readonly LongFunction[] => {
  const folder = mkdtempSync(join(tmpdir(), 'mtscope-lint-'))
  const rule = { level: 'error', options: { maxLines } }
  writeFileSync(
    join(folder, 'biome.json'),
    JSON.stringify({
      files: { includes: ['**', '!**/*.test.ts'] },
      linter: { rules: { preset: 'none', complexity: { noExcessiveLinesPerFunction: rule } } },
    }),
  )
  try {
    const { stdout, stderr } = spawnSync(
      join(root, 'node_modules/.bin/biome'),
      ['lint', `--config-path=${folder}`, '--colors=off', '--max-diagnostics=500', ...paths],
      { cwd: root, encoding: 'utf8' },
    )
    return [
      ...`${stdout}${stderr}`.matchAll(/^(\S+):(\d+):\d+ lint\/complexity[\s\S]*?too many lines \((\d+)\)/gm),
    ].map(([, path = '', line, lines]) => ({ path, line: Number(line), lines: Number(lines) }))
  } finally {
    rmSync(folder, { recursive: true })
  }
}

export type Exception = { readonly path: string; readonly reason: string }

/** The files that biome.jsonc lets have long functions; the reason is the comment behind the path. */
export const exceptions = (root: string): readonly Exception[] =>
  [
    ...readFileSync(join(root, 'biome.jsonc'), 'utf8').matchAll(/^ +"([\w./-]+\.ts)",?(?: \/\/ (.+))?$/gm),
  ].map(([, path = '', reason = '']) => ({ path, reason }))
