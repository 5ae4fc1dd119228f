import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { writePrivate } from '../users/private-file.ts'

const copyName = 'users.topic.json'

/** Records of the topic as they are there, sealed, by name key. */
export type Records = ReadonlyMap<string, string>

/** The records that this node had last; null where there are none, or none that can be read. */
export const readCopy = (dataDir: string): Records | null => {
  try {
    const json: unknown = JSON.parse(readFileSync(join(dataDir, copyName), 'utf8'))
    if (typeof json !== 'object' || json === null || !('records' in json)) return null
    const { records } = json
    if (typeof records !== 'object' || records === null) return null
    return new Map(Object.entries(records).filter(([, text]) => typeof text === 'string'))
  } catch {
    return null
  }
}

/** Throws what the file system throws. */
export const writeCopy = (dataDir: string, records: Records): void =>
  writePrivate(dataDir, copyName, `${JSON.stringify({ version: 1, records: Object.fromEntries(records) })}\n`)
