import { setTimeout as pause } from 'node:timers/promises'
import type { Emit, MiddleProxyDocument, ReadError } from '../events/contract.ts'
import type { Logger } from '../logger/logger.ts'
import { DownloadError, download } from '../net/download.ts'
import type { MiddleProxies } from './directory.ts'
import { documents, type Kept, type KeptDocuments, keepDocuments, readKeptDocuments } from './kept.ts'
import {
  joined,
  longestConfig,
  longestSecret,
  mayReplace,
  type Published,
  readPublished,
  readPublishedSecret,
} from './published.ts'

const hourMs = 3_600_000

/** Between two downloads; and after a failure, `retryMs` doubled for each failure in a row. */
const everyMs: Readonly<Record<MiddleProxyDocument, number>> = {
  config: hourMs,
  'config-v6': hourMs,
  secret: 24 * hourMs,
}
const RETRY_MS = 30_000
const DOWNLOAD_MS = 10_000
/** The start does not wait longer: until then MIDDLE_PROXY_FALLBACK decides. */
const PATIENCE_MS = 5_000
const jitter = 0.1

type Urls = Readonly<Record<MiddleProxyDocument, string | null>>

/** Why the newest download is not in use. */
type Failure = { readonly reason: ReadError; readonly detail: string }

type Options = {
  readonly urls: Urls
  readonly dataDir: string
  readonly logger: Logger
  readonly emit: Emit
  /** Epoch, ms. */
  readonly now: () => number
  readonly signal: AbortSignal
  /** Called with the first complete set and with every other one. */
  changed(middleProxies: MiddleProxies): void
  readonly retryMs?: number
  readonly patienceMs?: number
  readonly random?: () => number
}

/** The documents in use, read. */
type InUse = { config: Published | null; 'config-v6': Published | null; secret: Uint8Array | null }

const isLocal = (url: string): boolean => /^http:/.test(url)

type State = {
  readonly options: Options
  readonly inUse: InUse
  readonly kept: Map<MiddleProxyDocument, Kept>
  /** Documents whose last download failed: a failure is logged once. */
  readonly failing: Set<MiddleProxyDocument>
}

const publishedOf = ({ inUse }: State): MiddleProxies | null => {
  const { config, secret } = inUse
  return config === null || secret === null ? null : { ...joined(config, inUse['config-v6']), secret }
}

/** Takes a document over. Null, or why it is not used. */
const use = ({ inUse, options }: State, name: MiddleProxyDocument, bytes: Uint8Array): Failure | null => {
  if (name === 'secret') {
    const reading = readPublishedSecret(bytes)
    if (!reading.ok) return reading
    inUse.secret = reading.value
    return null
  }
  const reading = readPublished(bytes, isLocal(options.urls[name] ?? ''))
  if (!reading.ok) return reading
  const before = inUse[name]
  if (before !== null && !mayReplace(before, reading.value))
    return { reason: 'implausible', detail: 'more than half of the datacenters are gone' }
  inUse[name] = reading.value
  return null
}

const countOf = ({ inUse }: State, name: MiddleProxyDocument): number => {
  if (name === 'secret') return inUse.secret === null ? 0 : 1
  return [...(inUse[name]?.byDc.values() ?? [])].flat().length
}

const report = (state: State, name: MiddleProxyDocument, failure: Failure | null): void => {
  const { emit, now } = state.options
  const fetchedAt = state.kept.get(name)?.at
  emit({
    v: 1,
    type: 'middle-proxies.read',
    at: now(),
    document: name,
    entries: countOf(state, name),
    ...(fetchedAt === undefined ? {} : { fetchedAt }),
    ...(failure === null ? {} : { error: failure.reason }),
  })
}

const keep = (state: State, name: MiddleProxyDocument, url: string, bytes: Uint8Array): void => {
  const { dataDir, logger, now } = state.options
  state.kept.set(name, { at: now(), url, bytes })
  try {
    keepDocuments(dataDir, state.kept)
  } catch (error) {
    logger('warn', 'middle-proxies-not-kept', {
      error: error instanceof Error ? error.message : String(error),
    })
  }
}

const complain = (state: State, name: MiddleProxyDocument, { reason, detail }: Failure): void => {
  if (state.failing.has(name)) return
  state.failing.add(name)
  const using = state.kept.has(name) ? 'the last one' : 'nothing'
  const hint =
    reason === 'malformed' || reason === 'implausible' || reason === 'status'
      ? 'something between this host and Telegram may answer in its place: open the URL of the setting on this host'
      : 'allow outgoing connections to port 443; mtscope tries again'
  state.options.logger('warn', 'middle-proxies-not-fetched', { document: name, reason, detail, using, hint })
}

/** Downloads one document once. True when it is in use. */
const look = async (state: State, name: MiddleProxyDocument, url: string): Promise<boolean> => {
  const { signal, changed, logger } = state.options
  const mostBytes = name === 'secret' ? longestSecret : longestConfig
  const limited = AbortSignal.any([signal, AbortSignal.timeout(DOWNLOAD_MS)])
  let failure: Failure | null
  let bytes: Uint8Array = new Uint8Array()
  try {
    bytes = await download(url, { mostBytes, signal: limited })
    failure = signal.aborted ? null : use(state, name, bytes)
  } catch (error) {
    if (!(error instanceof DownloadError)) throw error
    failure = { reason: error.code, detail: error.message }
  }
  if (signal.aborted) return false
  if (failure === null) {
    const same = Buffer.from(bytes).equals(state.kept.get(name)?.bytes ?? new Uint8Array())
    keep(state, name, url, bytes)
    if (state.failing.delete(name)) logger('info', 'middle-proxies-fetched', { document: name })
    const all = publishedOf(state)
    if (!same && all !== null) changed(all)
  } else complain(state, name, failure)
  report(state, name, failure)
  return failure === null
}

/** Takes over what an earlier run has kept. */
const recall = (state: State, kept: KeptDocuments): void => {
  for (const [name, document] of kept) {
    // A document of another URL is not this one.
    if (state.options.urls[name] !== document.url || use(state, name, document.bytes) !== null) continue
    state.kept.set(name, document)
    report(state, name, null)
  }
  const all = publishedOf(state)
  if (all !== null) state.options.changed(all)
}

/**
 * Keeps what Telegram publishes about its middle proxies up to date: the kept documents immediately, then downloads, hourly and
 * daily. A document that cannot be downloaded or read leaves the one before in use. Resolves when a complete set is in use, or
 * after `patienceMs`.
 */
export const watchMiddleProxies = async (options: Options): Promise<void> => {
  const { urls, dataDir, logger, signal, retryMs = RETRY_MS, random = Math.random } = options
  const { promise: complete, resolve } = Promise.withResolvers<void>()
  const state: State = {
    options: {
      ...options,
      changed: (all) => {
        options.changed(all)
        resolve()
      },
    },
    inUse: { config: null, 'config-v6': null, secret: null },
    kept: new Map(),
    failing: new Set(),
  }
  const { kept, damaged } = readKeptDocuments(dataDir)
  if (damaged)
    logger('warn', 'kept-middle-proxies-damaged', { effect: 'the next download replaces the file' })
  recall(state, kept)

  const watch = async (name: MiddleProxyDocument, url: string): Promise<void> => {
    for (let failures = 0; !signal.aborted; ) {
      failures = (await look(state, name, url)) ? 0 : failures + 1
      const usual = everyMs[name]
      const ms = failures === 0 ? usual : Math.min(usual, retryMs * 2 ** (failures - 1))
      const wait = ms * (1 + jitter * (2 * random() - 1))
      await pause(wait, undefined, { signal, ref: false }).catch(() => {})
    }
  }
  for (const name of documents) {
    const url = urls[name]
    if (url !== null) void watch(name, url)
  }
  const patience = setTimeout(resolve, options.patienceMs ?? PATIENCE_MS)
  signal.addEventListener('abort', () => resolve(), { once: true })
  await complete
  clearTimeout(patience)
}
