import type { Directory } from '../datacenter/directory.ts'
import { readDirectory, telegram } from '../datacenter/directory.ts'
import type { Mode } from '../events/contract.ts'
import { bytes, isLoopback, mistaken, type Parse, parsed, urlOf, whole } from './parse.ts'

export const modes: readonly Mode[] = ['classic', 'secure', 'tls']
export const smallestBuffer = 1_024
export const largestBuffer = 4_194_304
export const day = 86_400

/** `low,below,high`: bytes per read are `high` while fewer than `below` connections are relayed, else `low`. */
export const toClientBuffer: Parse<{ low: number; below: number; high: number }> = (text) => {
  const size = bytes(smallestBuffer, largestBuffer)
  const [low, below, high, ...rest] = text.split(',').map((part) => part.trim())
  const reading = [size(low ?? ''), whole(0, 1_000_000)(below ?? '0'), size(high ?? low ?? '')] as const
  const [small, count, large] = reading
  if (!small.ok || !count.ok || !large.ok || rest.length > 0) {
    return mistaken(
      `must be low,connections,high as 32768,50,262144; sizes from ${smallestBuffer} to ${largestBuffer}`,
    )
  }
  if (small.value > large.value)
    return mistaken('has its sizes the wrong way round: write low,connections,high')
  return parsed({ low: small.value, below: count.value, high: large.value })
}

export const directory: Parse<Directory> = (text) => {
  if (text === 'telegram') return parsed(telegram)
  const read = readDirectory(text)
  return read.ok ? parsed(read.directory) : mistaken(`is wrong: ${read.mistakes.join('; ')}`)
}

export const nodeName: Parse<string> = (text) =>
  /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/.test(text)
    ? parsed(text)
    : mistaken('must be 1 to 64 letters, digits, dots, dashes or underscores')

export const folder: Parse<string> = (text) =>
  text.includes('\0') ? mistaken('is not a path') : parsed(text)

/** https only, except from this host: nothing between may change the answer, which is `returns`. */
const answerOf =
  (returns: string): Parse<string> =>
  (text) => {
    const url = urlOf(text, 'https:', 'http:')
    const good = url !== null && (url.protocol === 'https:' || isLoopback(url.hostname))
    return good && url.username === '' && url.password === ''
      ? parsed(text)
      : mistaken(`must be an https:// URL that returns ${returns}`)
  }

export const echoUrl = answerOf('the IP address of the caller, or none')
export const publishedUrl = answerOf('what Telegram publishes, without user and password')

/** A setting of a feature that is not built: any value but the default is a mistake. */
export const notBuilt =
  (...harmless: string[]): Parse<null> =>
  (text) =>
    harmless.includes(text.toLowerCase())
      ? parsed(null)
      : mistaken('needs a feature that is not available yet: leave it out')
