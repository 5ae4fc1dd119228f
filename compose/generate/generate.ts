import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { generated } from './generated.ts'

// `npm run generate`: rewrites every generated file that is out of date.
for (const { path, text } of generated) {
  const file = join(import.meta.dirname, '../..', path)
  const current = existsSync(file) ? readFileSync(file, 'utf8') : ''
  const wanted = await text(current)
  if (wanted === current) continue
  writeFileSync(file, wanted)
  process.stdout.write(`${path} written\n`)
}
