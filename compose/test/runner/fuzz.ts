import { join } from 'node:path'
import { runFuzz } from './run-fuzz.ts'

// `npm run fuzz`

process.exitCode = await runFuzz(join(import.meta.dirname, '../../..'), process.argv.slice(2))
