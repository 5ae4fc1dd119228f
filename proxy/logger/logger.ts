/** A value that must not be shown, such as a Secret. */
export type Redacted = { toString(): '[secret]' }
export type Level = 'info' | 'warn' | 'error'
export type Field = string | number | boolean | null | undefined | Redacted | Error
export type Logger = (level: Level, message: string, fields?: Readonly<Record<string, Field>>) => void

const plain = /^[^\s"=\\\p{C}]+$/u

const quoted = (text: string): string =>
  plain.test(text) ? text : JSON.stringify(text).replace(/[\p{C}\p{Z}]/gu, escaped)

const escaped = (character: string): string =>
  character === ' ' ? character : `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`

const codeAndMessage = (error: Error): string =>
  'code' in error && typeof error.code === 'string' ? `${error.code}: ${error.message}` : error.message

const valueText = (value: Exclude<Field, undefined>): string =>
  quoted(value instanceof Error ? codeAndMessage(value) : String(value))

/**
 * One logfmt line: `2026-11-23T09:15:19.123Z info ready port=8080`. Omits undefined fields; quotes texts with spaces,
 * quotes or `=` as JSON does, so that every entry is one line.
 */
export const line = (
  at: number,
  level: Level,
  message: string,
  fields: Readonly<Record<string, Field>> = {},
): string => {
  const words = [new Date(at).toISOString(), level, /^[\w.-]+$/.test(message) ? message : quoted(message)]
  for (const [name, value] of Object.entries(fields)) {
    if (value !== undefined) words.push(`${name}=${valueText(value)}`)
  }
  return words.join(' ')
}

/** Writes to stdout, warnings and errors too, so that their order is kept. */
export const lineLogger =
  (out: { write(text: string): unknown } = process.stdout, now: () => number = Date.now): Logger =>
  (level, message, fields) => {
    out.write(`${line(now(), level, message, fields)}\n`)
  }
