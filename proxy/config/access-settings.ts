import { duration, isLoopback, mistaken, oneOf, type Parse, parsed, urlOf } from './parse.ts'
import { day } from './setting-parsers.ts'

const isList = (item: string): boolean => {
  if (!/^[a-z][a-z0-9+.-]*:\/\//i.test(item)) return !item.includes('\0')
  const url = urlOf(item, 'https:', 'http:')
  return url !== null && (url.protocol === 'https:' || isLoopback(url.hostname))
}

/** Files and URLs of lists of networks, comma-separated. `none` and an empty text are no list. */
const lists: Parse<readonly string[]> = (text) => {
  const items = text
    .split(',')
    .map((item) => item.trim())
    .filter((item) => item !== '' && item !== 'none')
  return items.every(isList)
    ? parsed(items)
    : mistaken('must be paths of files or https:// URLs, with commas between, or none')
}

/** Who may connect. URLs may hold tokens, so the lists are never shown. */
export const accessSettings = {
  BLOCK_LISTS: {
    parse: lists,
    fallback: 'none',
    doc: 'Lists of networks whose clients are refused: files or https URLs with a network (203.0.113.0/24) on each line, comma-separated; none blocks no network',
    secret: true,
    mayBeEmpty: true,
  },
  ALLOW_LISTS: {
    parse: lists,
    fallback: 'none',
    doc: 'Lists of the only networks whose clients are accepted, as in BLOCK_LISTS, which take precedence; none accepts every network',
    secret: true,
    mayBeEmpty: true,
  },
  LIST_REFRESH: {
    parse: duration(10, 30 * day),
    fallback: '1h',
    doc: 'Time between two loads of BLOCK_LISTS and ALLOW_LISTS, seconds; SIGHUP loads them immediately',
    shown: 'everywhere',
  },
  BLOCKED_CLIENTS: {
    parse: oneOf(['masking', 'close']),
    fallback: 'masking',
    doc: 'What clients see that BLOCK_LISTS or ALLOW_LISTS refuse: masking is the masking host, close is a closed connection',
    shown: 'everywhere',
  },
} as const
