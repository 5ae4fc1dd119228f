import { run } from './app/run.ts'

// The proxy alone, without status page and folds: a collector reads its events.
await run('mtscope-proxy')
