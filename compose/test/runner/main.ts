import { join } from 'node:path'
import { runTests } from './run.ts'

// `npm test`

await runTests(join(import.meta.dirname, '../../..'), process.argv.slice(2))
