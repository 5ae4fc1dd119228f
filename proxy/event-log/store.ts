import {
  accessSync,
  chmodSync,
  closeSync,
  constants,
  existsSync,
  openSync,
  renameSync,
  rmSync,
  statfsSync,
  statSync,
} from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync, type StatementSync } from 'node:sqlite'
import type { Row } from '../events/codec.ts'
import { whose } from '../host/file-owner.ts'
import { isDamage, LogError, resultCode } from './errors.ts'

export type StoredRow = Row & { readonly row: number; readonly at: number }
/** A row as `trimStore` sees it; `bytes` of its text. */
export type RowSize = {
  readonly row: number
  readonly at: number
  readonly count: number
  readonly bytes: number
}
export type Snapshot = { readonly row: number; readonly value: Uint8Array | string }

/** The file of the event log and its statements. Every function throws SQLite's errors; the caller decides what they mean. */
export type Store = {
  insert(row: StoredRow): void
  /** The rows after `after`, oldest first: at most 512, and no more after `bytes` of text. */
  page(after: number, bytes: number): StoredRow[]
  /** The rows before `before`, newest first, with the same bounds. */
  pageBack(before: number, bytes: number): StoredRow[]
  oldest(limit: number): RowSize[]
  /** When the last row was appended, epoch ms; null when there is none. */
  newestAt(): number | null
  /** Number and time of the first row after `row` that is not later than `latest` (epoch ms); infinite when there is none. */
  nextNotLater(row: number, latest: number): { readonly through: number; readonly at: number }
  deleteThrough(row: number): void
  /** The last row that this file has or had; 0 for none. */
  lastRow(): number
  saveSnapshot(name: string, row: number, value: Uint8Array | string, at: number): void
  loadSnapshot(name: string): Snapshot | null
  pages(): { readonly total: number; readonly free: number; readonly pageBytes: number }
  /** Returns up to `pages` free pages to the file system. */
  vacuum(pages: number): void
  checkpoint(): void
  /** Size on disk, write-ahead log included. */
  fileBytes(): number
  walBytes(): number
  /** Free space of the file system; infinite where it reports none. */
  availableBytes(): number
  close(): void
}

const version = 1
const schema = `
  CREATE TABLE batch (
    row INTEGER PRIMARY KEY, node TEXT NOT NULL, boot TEXT NOT NULL,
    seq INTEGER NOT NULL, count INTEGER NOT NULL, at INTEGER NOT NULL, text TEXT NOT NULL
  ) STRICT;
  CREATE TABLE snapshot (
    name TEXT PRIMARY KEY, row INTEGER NOT NULL, at INTEGER NOT NULL, value ANY NOT NULL
  ) STRICT, WITHOUT ROWID;
  PRAGMA user_version = ${version};
`

export const logFile = (dataDir: string): string => join(dataDir, 'log.sqlite')

export type StoreBounds = {
  /** Bound of the file; beyond it SQLite reports that it is full. */
  readonly maxBytes: number
  /** Size at which SQLite checkpoints the write-ahead log. */
  readonly walBytes: number
}

/** Opens or creates the file, 0600. Throws SQLite's and the file system's errors, and ERR_LOG_NEWER. */
export const openStore = (dataDir: string, { maxBytes, walBytes }: StoreBounds): Store => {
  const path = logFile(dataDir)
  // SQLite would create it by umask; its -wal and -shm copy this mode. Do not open an existing one: closing it would
  // release the locks that this process may hold on it. https://sqlite.org/howtocorrupt.html
  if (!existsSync(path)) closeSync(openSync(path, 'a', 0o600))
  chmodSync(path, 0o600)
  const db = new DatabaseSync(path, { timeout: 250 })
  try {
    // auto_vacuum has an effect only before the first table.
    db.exec('PRAGMA auto_vacuum = INCREMENTAL; PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL')
    db.exec(`PRAGMA journal_size_limit = ${walBytes}; PRAGMA wal_autocheckpoint = ${inPages(walBytes)}`)
    db.exec(`PRAGMA max_page_count = ${inPages(maxBytes)}`)
    const found = versionOf(db, path)
    if (found === 0) db.exec(`BEGIN IMMEDIATE; ${schema} COMMIT`)
    return statements(db, path)
  } catch (error) {
    db.close()
    throw error
  }
}

const versionOf = (db: DatabaseSync, path: string): number => {
  const found = Number(db.prepare('PRAGMA user_version').get()?.user_version)
  if (found > version)
    throw new LogError(
      'ERR_LOG_NEWER',
      `${path} has version ${found}, this mtscope reads ${version}: start the newer one`,
    )
  return found
}

const inPages = (bytes: number): number => Math.ceil(bytes / 4096)

/** Throws a LogError when the file is absent or belongs to another user: two different errors. */
const demandReadable = (dataDir: string, path: string): void => {
  try {
    statSync(path)
    accessSync(path, constants.R_OK)
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code
    if (code === 'EACCES' || code === 'EPERM') {
      throw new LogError('ERR_LOG_UNREADABLE', `DATA_DIR=${dataDir} (${code}): ${whose(dataDir)}`, error)
    }
    throw new LogError(
      'ERR_LOG_MISSING',
      `DATA_DIR=${dataDir} (${code}): set it to the folder of a proxy that has run`,
      error,
    )
  }
}

/** Opens the file for reading, whether or not a proxy writes to it. Throws ERR_LOG_MISSING, ERR_LOG_UNREADABLE and ERR_LOG_NEWER. */
export const openStoreToRead = (dataDir: string): Pick<Store, 'page' | 'loadSnapshot' | 'close'> => {
  const path = logFile(dataDir)
  demandReadable(dataDir, path)
  let db: DatabaseSync | undefined
  try {
    db = new DatabaseSync(path, { readOnly: true, timeout: 250 })
    if (versionOf(db, path) === 0)
      throw new LogError(
        'ERR_LOG_MISSING',
        `DATA_DIR=${dataDir} (empty): set it to the folder of a proxy that has run`,
      )
    return statements(db, path)
  } catch (error) {
    db?.close()
    if (resultCode(error) === null) throw error
    // Without a writer SQLite creates a file next to the log: the reader must own the folder.
    const advice = isDamage(error) ? 'start a proxy on it: it moves a damaged file aside' : whose(dataDir)
    throw new LogError(
      'ERR_LOG_UNREADABLE',
      `DATA_DIR=${dataDir} (${(error as Error).message}): ${advice}`,
      error,
    )
  }
}

/** Deletes the file with its -wal and -shm. */
export const removeStore = (dataDir: string): void => {
  for (const part of ['', '-wal', '-shm']) rmSync(`${logFile(dataDir)}${part}`, { force: true })
}

/** Renames a damaged file and returns the new name. Replaces an older damaged file. */
export const moveAside = (dataDir: string): string => {
  const path = logFile(dataDir)
  const aside = `${path}.damaged`
  rmSync(`${aside}-wal`, { force: true })
  renameSync(path, aside)
  if (existsSync(`${path}-wal`)) renameSync(`${path}-wal`, `${aside}-wal`)
  rmSync(`${path}-shm`, { force: true })
  return aside
}

/** Rows in the order of `query`, until they have `bytes` of text. */
const portion = (query: StatementSync, from: number, bytes: number): StoredRow[] => {
  const rows: StoredRow[] = []
  let read = 0
  try {
    for (const found of query.iterate(from)) {
      const stored = found as unknown as StoredRow // STRICT: SQLite has checked the columns' types
      rows.push(stored)
      read += stored.text.length
      if (read >= bytes) break
    }
  } catch (error) {
    if (rows.length === 0) throw error // otherwise the next page begins at the damage
  }
  return rows
}

const statements = (db: DatabaseSync, path: string): Store => {
  const insert = db.prepare(
    'INSERT INTO batch (row, node, boot, seq, count, at, text) VALUES (?, ?, ?, ?, ?, ?, ?)',
  )
  const after = db.prepare(
    'SELECT row, node, boot, seq, count, at, text FROM batch WHERE row > ? ORDER BY row LIMIT 512',
  )
  const before = db.prepare(
    'SELECT row, node, boot, seq, count, at, text FROM batch WHERE row < ? ORDER BY row DESC LIMIT 512',
  )
  const oldest = db.prepare(
    'SELECT row, at, count, octet_length(text) AS bytes FROM batch ORDER BY row LIMIT ?',
  )
  const newestAt = db.prepare('SELECT at FROM batch ORDER BY row DESC LIMIT 1')
  const notLater = db.prepare('SELECT row, at FROM batch WHERE row > ? AND at <= ? ORDER BY row LIMIT 1')
  const deleteThrough = db.prepare('DELETE FROM batch WHERE row <= ?')
  const lastRow = db.prepare(
    'SELECT max(coalesce((SELECT max(row) FROM batch), 0), coalesce((SELECT max(row) FROM snapshot), 0)) AS row',
  )
  const save = db.prepare('INSERT OR REPLACE INTO snapshot (name, row, at, value) VALUES (?, ?, ?, ?)')
  const load = db.prepare('SELECT row, value FROM snapshot WHERE name = ?')
  const pages = db.prepare(
    'SELECT page_count AS total, freelist_count AS free, page_size AS pageBytes FROM pragma_page_count, pragma_freelist_count, pragma_page_size',
  )
  const size = (file: string): number => statSync(file, { throwIfNoEntry: false })?.size ?? 0

  return {
    insert: ({ row, node, boot, seq, count, at, text }) => {
      insert.run(row, node, boot, seq, count, at, text)
    },
    page: (from, bytes) => portion(after, from, bytes),
    pageBack: (from, bytes) => portion(before, from, bytes),
    oldest: (limit) => oldest.all(limit) as unknown as RowSize[],
    newestAt: () => {
      const found = newestAt.get()
      return found === undefined ? null : Number(found.at)
    },
    nextNotLater: (row, latest) => {
      const found = notLater.get(row, latest)
      const none = Number.POSITIVE_INFINITY
      return { through: Number(found?.row ?? none), at: Number(found?.at ?? none) }
    },
    deleteThrough: (row) => {
      deleteThrough.run(row)
    },
    lastRow: () => Number(lastRow.get()?.row),
    saveSnapshot: (name, row, value, at) => {
      save.run(name, row, at, value)
    },
    loadSnapshot: (name) => {
      const found = load.get(name)
      return found === undefined ? null : (found as unknown as Snapshot)
    },
    pages: () => pages.get() as unknown as ReturnType<Store['pages']>,
    vacuum: (count) => db.exec(`PRAGMA incremental_vacuum(${count})`),
    checkpoint: () => db.exec('PRAGMA wal_checkpoint(TRUNCATE)'),
    fileBytes: () => size(path) + size(`${path}-wal`),
    walBytes: () => size(`${path}-wal`),
    availableBytes: () => {
      const { blocks, bavail, bsize } = statfsSync(path)
      return blocks === 0 ? Number.POSITIVE_INFINITY : bavail * bsize
    },
    close: () => db.close(),
  }
}
