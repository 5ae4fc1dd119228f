import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { words } from './words.ts'

// `node compose/test/house/list-words.ts [folder...]`: what the word rule finds, line by line.

const root = join(import.meta.dirname, '../../..')
const prose = /\.(?:ts|mjs|md|ya?ml|sh|html|css|lua|conf|go)$|Dockerfile$|\.env\.example$/
const files = execFileSync('git', ['ls-files', ...process.argv.slice(2)], { cwd: root, encoding: 'utf8' })
for (const path of files.split('\n').filter((name) => prose.test(name)))
  for (const found of words({ path, text: readFileSync(join(root, path), 'utf8') }))
    process.stdout.write(`${path} ${found}\n`)
