import { join } from 'node:path'
import { folders } from '../sources/files.ts'
import { longFunctions } from './functions.ts'

// `node compose/test/house/list-functions.ts [folder...]`: functions of more than 60 lines, the longest first.

const asked = process.argv.slice(2)
const found = longFunctions(join(import.meta.dirname, '../../..'), asked.length > 0 ? asked : folders)
for (const { path, line, lines } of [...found].sort((a, b) => b.lines - a.lines))
  process.stdout.write(`${lines} ${path}:${line}\n`)
