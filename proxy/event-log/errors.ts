/** Errors for an operator. Match on `code`; `message` is one line. */
export const errors = {
  ERR_LOG_LOCKED: 'Another mtscope process uses this DATA_DIR',
  ERR_LOG_UNWRITABLE: 'The event log cannot be written',
  ERR_LOG_NEWER: 'The event log was written by a newer mtscope',
  ERR_LOG_MISSING: 'No event log in this DATA_DIR',
  ERR_LOG_UNREADABLE: 'The event log of this DATA_DIR cannot be read',
} as const

export class LogError extends Error {
  readonly code: keyof typeof errors

  constructor(code: keyof typeof errors, detail: string, cause?: unknown) {
    super(`${errors[code]}: ${detail}`, { cause })
    this.name = 'LogError'
    this.code = code
  }
}

/** SQLite's primary result code; null for an error that is not SQLite's. https://sqlite.org/rescode.html */
export const resultCode = (error: unknown): number | null =>
  error instanceof Error && 'errcode' in error && typeof error.errcode === 'number'
    ? error.errcode & 0xff
    : null

export const sqlite = { busy: 5, corrupt: 11, notADatabase: 26 } as const

/** Whether the file is damaged: a retry cannot help. */
export const isDamage = (error: unknown): boolean => {
  const code = resultCode(error)
  return code === sqlite.corrupt || code === sqlite.notADatabase
}
