import { run } from './app/run.ts'

// The relay process alone: no status page, no folds; its log is for a collector to read.
await run('mtscope-proxy')
