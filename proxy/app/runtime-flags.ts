import { join } from 'node:path'

/** Folder in the repository where `compose/npm/warm.mjs` keeps compiled code. */
export const compiled = 'node_modules/.cache/node'

/**
 * Environment of the programs, for the repository at `root`: a compile cache, a small young generation and two malloc
 * arenas save about 50 MB. `compose/npm/mtscope` and the Dockerfile repeat the values; `warm.int.test.ts` compares them.
 */
export const lean = (root: string) => ({
  NODE_COMPILE_CACHE: join(root, compiled),
  NODE_OPTIONS: '--max-semi-space-size=2',
  MALLOC_ARENA_MAX: '2',
})
