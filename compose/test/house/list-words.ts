import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { textFilesOf } from '../sources/files.ts'
import { words } from './words.ts'

// `node compose/test/house/list-words.ts [folder...]`: the findings of the word rule, one a line.

const root = join(import.meta.dirname, '../../..')
const folders = process.argv.slice(2).map((folder) => folder.replace(/\/$/, ''))
const asked = (path: string): boolean =>
  folders.length === 0 || folders.some((folder) => path === folder || path.startsWith(`${folder}/`))
for (const path of textFilesOf(root).filter(asked))
  for (const found of words({ path, text: readFileSync(join(root, path), 'utf8') }))
    process.stdout.write(`${path} ${found}\n`)
