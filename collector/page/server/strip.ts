import { readFileSync } from 'node:fs'
import { stripTypeScriptTypes } from 'node:module'

// Run by serve.ts: prints the files named on the command line, without types, as one JSON array.
process.emitWarning = () => {}
const stripped = process.argv.slice(2).map((path) => stripTypeScriptTypes(readFileSync(path, 'utf8')))
process.stdout.write(JSON.stringify(stripped))
