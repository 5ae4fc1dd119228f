import { createHash } from 'node:crypto'
import { mkdirSync, readFileSync } from 'node:fs'
import { readFile, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { writePrivate } from '../users/private-file.ts'
import { type ReadList, readList } from './read-list.ts'

/** A file or a URL of BLOCK_LISTS or ALLOW_LISTS. */
export type Source = {
  /** Without the query and login of a URL, for logs. */
  readonly name: string
  /** Loads it; throws an Error whose message has a reason and no secret. */
  load(signal: AbortSignal): Promise<ReadList>
  /** What the last load kept on disk, with its time; null: nothing. */
  kept(): { readonly list: ReadList; readonly at: number } | null
}

/** 100,000 networks take 2 MB. */
const largest = 64 * 1024 * 1024
const timeoutMs = 30_000
const folder = 'lists'

const codeOf = (error: unknown): string =>
  error instanceof Error && 'code' in error ? String(error.code) : 'error'

const whole = async (response: Response): Promise<string> => {
  const parts: Uint8Array[] = []
  let size = 0
  for await (const part of response.body ?? []) {
    size += part.length
    if (size > largest) throw new Error(`larger than ${largest} bytes`)
    parts.push(part)
  }
  return Buffer.concat(parts).toString('utf8')
}

/** A page of a captive portal is not an empty list. */
const checked = (list: ReadList): ReadList => {
  if (list.networks.length === 0 && list.invalid > 0) throw new Error('no line of it is a network')
  return list
}

const file = (path: string): Source => ({
  name: path,
  load: async () => {
    try {
      if ((await stat(path)).size > largest) throw new Error(`larger than ${largest} bytes`)
      return checked(readList(await readFile(path, 'utf8')))
    } catch (error) {
      throw error instanceof Error && !('code' in error) ? error : new Error(codeOf(error))
    }
  },
  kept: () => null,
})

const fetched = (text: string, dataDir: string): Source => {
  const { origin, pathname } = new URL(text)
  const name = `${createHash('sha256').update(text).digest('hex').slice(0, 16)}.json`
  return {
    name: `${origin}${pathname}`,
    load: async (signal) => {
      const answer = await fetch(text, {
        signal: AbortSignal.any([signal, AbortSignal.timeout(timeoutMs)]),
      }).catch((error: unknown) => {
        const cause = error instanceof Error ? (error.cause ?? error) : error
        const reason = codeOf(cause)
        throw new Error(reason === 'error' ? 'no answer' : reason)
      })
      if (!answer.ok) throw new Error(`HTTP ${answer.status}`)
      const body = await whole(answer)
      const list = checked(readList(body))
      mkdirSync(join(dataDir, folder), { recursive: true, mode: 0o700 })
      writePrivate(join(dataDir, folder), name, JSON.stringify({ at: Date.now(), text: body }))
      return list
    },
    kept: () => {
      try {
        const read: unknown = JSON.parse(readFileSync(join(dataDir, folder, name), 'utf8'))
        if (typeof read !== 'object' || read === null || !('at' in read) || !('text' in read)) return null
        const { at, text: body } = read
        return typeof at === 'number' && typeof body === 'string' ? { at, list: readList(body) } : null
      } catch {
        return null
      }
    },
  }
}

export const sourceOf = (text: string, dataDir: string): Source =>
  /^https?:\/\//i.test(text) ? fetched(text, dataDir) : file(text)
