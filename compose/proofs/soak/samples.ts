import { readdir, readFile, stat } from 'node:fs/promises'
import { join } from 'node:path'
import type { Appliance } from '../../test/kit/processes/harness.ts'

/** Memory and descriptors of one program at one time; bytes. */
export type Sample = {
  readonly seconds: number
  readonly rss: number
  readonly anonymous: number
  readonly descriptors: number
  /** Heap that V8 has taken: of the main thread, and of all others. */
  readonly mainHeap: number
  readonly otherHeaps: number
  /** Buffers outside of the heaps. */
  readonly external: number
  /** Anonymous memory that is none of them: malloc of Node, OpenSSL and SQLite, stacks, code. */
  readonly malloc: number
  /** Size of the event log with its write-ahead log, its pages, and those of them that are free. */
  readonly logBytes: number
  readonly logPages: number
  readonly freePages: number
}

type Usage = { readonly heapTotal: number; readonly external: number }

/** A file that is not there, or half written, has no value. */
const reading = async <T>(path: string, parse: (bytes: Buffer) => T, otherwise: T): Promise<T> => {
  try {
    return parse(await readFile(path))
  } catch {
    return otherwise
  }
}

/** Usage of the threads of a process; the main thread has the number 0. */
const threadsOf = async (folder: string, pid: number): Promise<{ main: Usage; others: Usage[] }> => {
  const none: Usage = { heapTotal: 0, external: 0 }
  const usages = { main: none, others: [] as Usage[] }
  for (const name of await readdir(folder)) {
    if (!name.startsWith(`${pid}-`) || name.endsWith('.new')) continue
    const usage = await reading(join(folder, name), (bytes) => JSON.parse(String(bytes)) as Usage, none)
    if (name === `${pid}-0`) usages.main = usage
    else usages.others.push(usage)
  }
  return usages
}

/** https://sqlite.org/fileformat2.html: page size at 16, pages at 28, free pages at 36. */
const pagesOf = (header: Buffer): { pages: number; free: number } => ({
  pages: header.readUInt32BE(28),
  free: header.readUInt32BE(36),
})

export const sizeOf = async (path: string): Promise<number> =>
  stat(path).then(
    ({ size }) => size,
    () => 0,
  )

/** Size of all files below a folder. */
export const folderSize = async (folder: string): Promise<number> => {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true }).catch(() => [])
  const files = entries.filter((entry) => entry.isFile())
  const sizes = await Promise.all(files.map(({ parentPath, name }) => sizeOf(join(parentPath, name))))
  return sizes.reduce((sum, size) => sum + size, 0)
}

const kilobytes = (text: string, name: string): number =>
  1024 * Number(new RegExp(`^${name}:\\s+(\\d+) kB`, 'm').exec(text)?.[1] ?? 0)

/** `folder`: into which `memory.ts` writes. */
export const sampleOf = async (program: Appliance, folder: string, seconds: number): Promise<Sample> => {
  const { pid } = program
  const memory = await readFile(`/proc/${pid}/smaps_rollup`, 'utf8')
  const { main, others } = await threadsOf(folder, pid)
  const log = join(program.folder, 'data', 'log.sqlite')
  const { pages, free } = await reading(log, pagesOf, { pages: 0, free: 0 })
  const otherHeaps = others.reduce((sum, { heapTotal }) => sum + heapTotal, 0)
  const external = [main, ...others].reduce((sum, usage) => sum + usage.external, 0)
  const anonymous = kilobytes(memory, 'Anonymous')
  return {
    seconds,
    rss: kilobytes(memory, 'Rss'),
    anonymous,
    descriptors: (await readdir(`/proc/${pid}/fd`)).length,
    mainHeap: main.heapTotal,
    otherHeaps,
    external,
    malloc: Math.max(0, anonymous - main.heapTotal - otherHeaps - external),
    logBytes: (await sizeOf(log)) + (await sizeOf(`${log}-wal`)),
    logPages: pages,
    freePages: free,
  }
}

export const median = (values: readonly number[]): number =>
  values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN

/** The medians of the samples from `from` to `to`, seconds. */
export const medians = (
  samples: readonly Sample[],
  from: number,
  to: number,
): Pick<Sample, 'rss' | 'descriptors'> => {
  const within = samples.filter(({ seconds }) => seconds >= from && seconds <= to)
  return {
    rss: median(within.map(({ rss }) => rss)),
    descriptors: median(within.map(({ descriptors }) => descriptors)),
  }
}
