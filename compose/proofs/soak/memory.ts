import { renameSync, writeFileSync } from 'node:fs'
import { threadId } from 'node:worker_threads'

// Preloaded into a program under soak: each thread writes its memory into the folder of the query, every two seconds.

const folder = new URL(import.meta.url).searchParams.get('folder') ?? ''
const path = `${folder}/${process.pid}-${threadId}`

setInterval(() => {
  writeFileSync(`${path}.new`, JSON.stringify(process.memoryUsage()))
  renameSync(`${path}.new`, path)
}, 2_000).unref()
