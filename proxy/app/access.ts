import type { Access } from '../networks/access.ts'
import type { Recording } from './recording.ts'
import type { ProxyOptions } from './running-proxy.ts'

type Lists = {
  access(): Access
  reload(): void
}

/** Loads BLOCK_LISTS and ALLOW_LISTS, and calls `changed` with each change. Waits until each was tried, or is known from disk. */
export const startAccess = async (
  { config, logger }: ProxyOptions,
  { emit }: Pick<Recording, 'emit'>,
  signal: AbortSignal,
  changed: (change: { readonly access: Access }) => void,
): Promise<Lists> => {
  let access: Access = { block: null, allow: null }
  const { blockLists, allowLists, listRefreshMs, dataDir } = config
  if (blockLists.length + allowLists.length === 0) return { access: () => access, reload: () => {} }
  const { watchLists } = await import('../networks/watch.ts')
  const watch = watchLists({
    ...{ blockLists, allowLists, dataDir, logger, emit, signal },
    refreshMs: listRefreshMs,
    now: Date.now,
    changed: (next) => {
      access = next
      changed({ access })
    },
  })
  await watch.ready
  return { access: () => access, reload: watch.reload }
}
