import { join } from 'node:path'
import { runProperties } from './run-properties.ts'

// `npm run properties`

process.exitCode = await runProperties(join(import.meta.dirname, '../../..'), process.argv.slice(2))
