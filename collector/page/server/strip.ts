import { readFileSync } from 'node:fs'
import { stripTypeScriptTypes } from 'node:module'

// Run by serve.ts: the files named on the command line without their types, as one JSON array on stdout.
process.emitWarning = () => {}
const stripped = process.argv.slice(2).map((path) => stripTypeScriptTypes(readFileSync(path, 'utf8')))
process.stdout.write(JSON.stringify(stripped))
