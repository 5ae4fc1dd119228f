/** How the page writes numbers and times. SI units: 1 kB is 1000 B. A null is a dash. */

const gap = '\u00a0'
const dash = '–'

type Maybe = number | null | undefined
const known = (value: Maybe): value is number => typeof value === 'number' && Number.isFinite(value)

const scaled = (value: number, units: readonly string[]): string => {
  let size = value
  let at = 0
  // 999.5 would round to 1000, which is 1 of the next unit.
  while (Math.abs(size) >= 999.5 && at < units.length - 1) {
    size /= 1000
    at++
  }
  const digits = at === 0 || Math.abs(size) >= 99.95 ? 0 : Math.abs(size) >= 9.995 ? 1 : 2
  return `${size.toFixed(digits)}${gap}${units[at]}`.trimEnd()
}

export const bytes = (value: Maybe): string =>
  known(value) ? scaled(value, ['B', 'kB', 'MB', 'GB', 'TB', 'PB']) : dash

/** Bytes a second. */
export const rate = (value: Maybe): string => (known(value) ? `${bytes(value)}/s` : dash)

/** A whole number: every digit up to 99,999, then three. */
export const count = (value: Maybe): string => {
  if (!known(value)) return dash
  return Math.abs(value) < 99_999.5
    ? Math.round(value).toLocaleString('en-US')
    : scaled(value, ['', 'k', 'M', 'G', 'T'])
}

/** A number that may be below one, such as 0.3 a second. */
export const amount = (value: Maybe): string => {
  if (!known(value)) return dash
  const size = Math.abs(value)
  if (size === 0 || size >= 99.95) return count(value)
  if (size < 0.01) return '< 0.01'.replace(' ', gap)
  return String(Number(value.toFixed(size < 1 ? 2 : 1)))
}

/** A latency in ms. */
export const ms = (value: Maybe): string => {
  if (!known(value)) return dash
  if (value >= 59_950) return duration(Math.round(value / 1000) * 1000)
  if (value >= 999.5) return `${(value / 1000).toFixed(value < 9995 ? 2 : 1)}${gap}s`
  if (value === 0) return `0${gap}ms`
  return `${value.toFixed(value < 0.995 ? 2 : value < 9.95 ? 1 : 0)}${gap}ms`
}

/** 0–1. */
export const percent = (value: Maybe): string => {
  if (!known(value)) return dash
  const of100 = value * 100
  return `${of100 === 0 || of100 >= 9.95 ? of100.toFixed(0) : of100.toFixed(1)}${gap}%`
}

/** A duration in ms, in its two largest units. */
export const duration = (value: Maybe): string => {
  if (!known(value)) return dash
  const seconds = Math.max(0, Math.floor(value / 1000))
  const minutes = Math.floor(seconds / 60)
  const hours = Math.floor(minutes / 60)
  const days = Math.floor(hours / 24)
  if (days > 0) return `${days}${gap}d ${hours % 24}${gap}h`
  if (hours > 0) return `${hours}${gap}h ${minutes % 60}${gap}min`
  if (minutes > 0) return `${minutes}${gap}min`
  return `${seconds}${gap}s`
}

/** The time between `at` and `now`; an `at` slightly in the future is `just now`. */
export const ago = (at: Maybe, now: number): string => {
  if (!known(at) || at <= 0) return 'never'
  return now - at < 5000 ? 'just now' : `${duration(now - at)} ago`
}

const times = new Map<string, Intl.DateTimeFormat>()
const written = (at: number, key: string, options: Intl.DateTimeFormatOptions): string => {
  const format = times.get(key) ?? new Intl.DateTimeFormat('en-GB', options)
  times.set(key, format)
  return format.format(at)
}

/** `12:04:31` in the time zone of the viewer. */
export const clock = (at: number): string =>
  written(at, 'clock', { hour: '2-digit', minute: '2-digit', second: '2-digit', hourCycle: 'h23' })

/** `12:04`. */
export const hourMinute = (at: number): string =>
  written(at, 'minute', { hour: '2-digit', minute: '2-digit', hourCycle: 'h23' })

/** `12:04` within the last day, else `23 Nov 12:04`. */
export const when = (at: number, now: number): string => {
  if (now - at < 86_400_000) return hourMinute(at)
  return `${written(at, 'day', { day: 'numeric', month: 'short' })} ${hourMinute(at)}`
}
