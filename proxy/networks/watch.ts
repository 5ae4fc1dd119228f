import type { Emit, NetworkList } from '../events/contract.ts'
import type { Logger } from '../logger/logger.ts'
import type { Access } from './access.ts'
import { networkMemory } from './network-set.ts'
import type { ReadList } from './read-list.ts'
import { type Source, sourceOf } from './source.ts'

type Options = {
  readonly blockLists: readonly string[]
  readonly allowLists: readonly string[]
  readonly refreshMs: number
  readonly dataDir: string
  readonly logger: Logger
  readonly emit: Emit
  readonly now: () => number
  readonly signal: AbortSignal
  /** Gets every change, also the first. */
  readonly changed: (access: Access) => void
}

/** A file or URL, and what is in use of it. */
type Watched = {
  readonly source: Source
  content: { readonly list: ReadList; readonly at: number } | null
  failed: boolean
}

type Lists = Readonly<Record<NetworkList, readonly Watched[]>>

export type ListWatch = {
  /** Resolves when each source was tried once, or is known from disk. */
  readonly ready: Promise<void>
  /** Loads all lists now. */
  reload(): void
}

const names: readonly NetworkList[] = ['block', 'allow']

/** An allow list of which nothing is known allows no client: it was set to keep others out. */
const accessOf = (lists: Lists): Access => {
  const [block, allow] = names.map((name) =>
    lists[name].length === 0
      ? null
      : networkMemory(lists[name].flatMap(({ content }) => content?.list.networks ?? [])),
  )
  return { block: block ?? null, allow: allow ?? null }
}

const load = async (one: Watched, { logger, now, signal }: Options): Promise<void> => {
  const { source } = one
  try {
    const list = await source.load(signal)
    one.failed = false
    one.content = { list, at: now() }
    const { invalid, firstInvalid } = list
    if (invalid > 0)
      logger('warn', 'list-lines-invalid', { list: source.name, lines: invalid, first: firstInvalid })
  } catch (error) {
    if (signal.aborted) return
    one.failed = true
    const reason = error instanceof Error ? error.message : String(error)
    const hint = one.content === null ? 'nothing of it is in use' : 'the last content stays in use'
    logger('warn', 'list-not-loaded', { list: source.name, reason, hint })
  }
}

const emitLoaded = (
  list: NetworkList,
  all: readonly Watched[],
  startedAt: number,
  { emit, now }: Options,
): void => {
  const at = now()
  const oldestAt = Math.min(...all.map(({ content }) => content?.at ?? startedAt))
  emit({
    v: 1,
    type: 'networks.loaded',
    at,
    list,
    networks: all.reduce((sum, { content }) => sum + (content?.list.networks.length ?? 0), 0),
    failed: all.filter(({ failed }) => failed).length,
    missing: all.filter(({ content }) => content === null).length,
    ageMs: Math.max(0, at - oldestAt),
  })
}

/** Loads the lists, keeps them up to date until `signal`, and emits `networks.loaded` for each after each load. */
export const watchLists = (options: Options): ListWatch => {
  const { now, signal, changed, dataDir } = options
  const startedAt = now()
  const watched = (texts: readonly string[]): readonly Watched[] =>
    texts.map((text) => {
      const source = sourceOf(text, dataDir)
      return { source, content: source.kept(), failed: false }
    })
  const lists: Lists = { block: watched(options.blockLists), allow: watched(options.allowLists) }
  const all = names.flatMap((name) => lists[name])
  const loadAll = async (): Promise<void> => {
    await Promise.all(all.map((one) => load(one, options)))
    if (signal.aborted) return
    changed(accessOf(lists))
    for (const name of names) {
      if (lists[name].length > 0) emitLoaded(name, lists[name], startedAt, options)
    }
  }
  let running: Promise<void> | null = null
  const reload = (): Promise<void> => {
    running ??= loadAll().finally(() => {
      running = null
    })
    return running
  }
  changed(accessOf(lists))
  const known = all.every(({ content }) => content !== null)
  const first = reload()
  const timer = setInterval(() => void reload(), options.refreshMs).unref()
  signal.addEventListener('abort', () => clearInterval(timer))
  return { ready: known ? Promise.resolve() : first, reload: () => void reload() }
}
