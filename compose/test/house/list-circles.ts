import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { filesOf } from '../sources/files.ts'
import { circles } from './circles.ts'

// `node compose/test/house/list-circles.ts`: import circles of files, and of neighbouring folders.

const root = join(import.meta.dirname, '../../..')
const sources = filesOf(root, /\.(?:ts|mjs|js)$/).map((path) => ({
  path,
  text: readFileSync(join(root, path), 'utf8'),
}))
for (const circle of circles(sources)) process.stdout.write(`${circle}\n`)
