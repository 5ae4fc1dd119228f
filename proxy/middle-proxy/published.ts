import { isIP } from 'node:net'
import { type Address, addressOf, addressText } from '../datacenter/directory.ts'
import { isPublic } from '../users/public-address.ts'

/** The middle proxies of one document, without the secret. */
export type Published = {
  readonly byDc: ReadonlyMap<number, readonly Address[]>
  readonly defaultDc: number
}

/** Why a document is not used. `implausible`: it can be read, and does not look like what Telegram publishes. */
export type Refusal = 'too-long' | 'malformed' | 'implausible'

export type Reading<T> =
  | { readonly ok: true; readonly value: T }
  | { readonly ok: false; readonly reason: Refusal; readonly detail: string }

const refused = (reason: Refusal, detail: string): Reading<never> => ({ ok: false, reason, detail })

/** Telegram's has some 2 kB and 40 addresses. */
export const longestConfig = 65_536
const mostAddresses = 1_024
/** The largest number in the 16 bits that a client sends. */
const greatestDc = 32_767

/** Numbers of the official proxy's connections, which mean nothing here. */
const tuning: ReadonlySet<string> = new Set(['timeout', 'min_connections', 'max_connections'])

const readDc = (text: string): number | null => {
  const dc = /^-?\d{1,5}$/.test(text) ? Number(text) : 0
  return dc === 0 || Math.abs(dc) > greatestDc ? null : dc
}

const readAddress = (text: string): Address | null => {
  const [, six, four, portText] = /^(?:\[([\da-f:.]{2,45})\]|([\d.]{7,15})):(\d{1,5})$/i.exec(text) ?? []
  const port = Number(portText)
  const host = six ?? four ?? ''
  const right = isIP(host) === (six === undefined ? 4 : 6) && port > 0 && port <= 65_535
  return right ? addressOf(host, port) : null
}

type Draft = { readonly byDc: Map<number, Address[]>; addresses: number; defaultDc: number | null }

const add = (draft: Draft, dc: number, address: Address): void => {
  const all = draft.byDc.get(dc) ?? []
  draft.byDc.set(dc, all)
  if (all.some((other) => addressText(other) === addressText(address))) return
  all.push(address)
  draft.addresses++
}

/** Takes one statement over. False if it is none. */
const take = (draft: Draft, words: readonly string[]): boolean => {
  const [verb = '', ...rest] = words
  const [dcText = '', addressWord] = rest
  const dc = readDc(dcText)
  if (verb === 'proxy_for' && rest.length === 2) {
    const address = readAddress(addressWord ?? '')
    if (dc === null || address === null) return false
    add(draft, dc, address)
    return true
  }
  if (verb === 'default' && rest.length === 1) {
    draft.defaultDc = dc
    return dc !== null
  }
  return tuning.has(verb) && rest.length === 1 && /^\d{1,9}$/.test(dcText)
}

/**
 * Reads `getProxyConfig`: statements `proxy_for DC HOST:PORT;` and `default DC;`, and comments from `#` to the end of the line.
 * A document with anything else is refused whole: what cannot be read may change the meaning of what can. Addresses that the
 * internet does not route to are implausible unless `localToo`.
 */
export const readPublished = (bytes: Uint8Array, localToo = false): Reading<Published> => {
  if (bytes.length > longestConfig) return refused('too-long', `${bytes.length} bytes`)
  const text = Buffer.from(bytes)
    .toString('latin1')
    .replace(/#[^\n]*/g, '')
  const statements = text.split(';').map((statement) => statement.trim())
  if (statements.pop() !== '') return refused('malformed', 'the last statement has no end')
  const draft: Draft = { byDc: new Map(), addresses: 0, defaultDc: null }
  for (const [at, statement] of statements.entries()) {
    if (!take(draft, statement.split(/\s+/))) return refused('malformed', `statement ${at + 1}`)
    if (draft.addresses > mostAddresses) return refused('too-long', `more than ${mostAddresses} addresses`)
  }
  const { byDc, defaultDc } = draft
  if (byDc.size === 0) return refused('implausible', 'no middle proxies')
  if (defaultDc === null || !byDc.has(defaultDc)) return refused('implausible', 'no default datacenter')
  const strange = [...byDc.values()].flat().find(({ host }) => !localToo && !isPublic(host))
  return strange === undefined
    ? { ok: true, value: { byDc, defaultDc } }
    : refused('implausible', `the address ${strange.host} is not public`)
}

/** The datacenters of a document, media or not. */
export const datacentersOf = ({ byDc }: Published): ReadonlySet<number> =>
  new Set([...byDc.keys()].map(Math.abs))

/** Whether `next` may replace `before`: it still has half of the datacenters. A truncated document has fewer. */
export const mayReplace = (before: Published, next: Published): boolean => {
  const left = datacentersOf(next)
  const known = [...datacentersOf(before)]
  return known.filter((dc) => left.has(dc)).length * 2 >= known.length
}

/** The middle proxies of both documents; IPv4 first, and the default datacenter of the first. */
export const joined = (first: Published, second: Published | null): Published => {
  if (second === null) return first
  const byDc = new Map(first.byDc)
  for (const [dc, addresses] of second.byDc) byDc.set(dc, [...(byDc.get(dc) ?? []), ...addresses])
  return { byDc, defaultDc: first.defaultDc }
}

/** The official proxy takes 32 to 256 bytes; Telegram's has 128. */
const secretLengths = { least: 32, most: 256 } as const
export const longestSecret = secretLengths.most

/** Reads `getProxySecret`: random bytes, so not the text of an error page. */
export const readPublishedSecret = (bytes: Uint8Array): Reading<Uint8Array> => {
  const { least, most } = secretLengths
  if (bytes.length > most) return refused('too-long', `${bytes.length} bytes`)
  if (bytes.length < least) return refused('malformed', `${bytes.length} bytes`)
  const text = bytes.every((byte) => byte === 9 || byte === 10 || byte === 13 || (byte >= 32 && byte < 127))
  return text ? refused('implausible', 'text in place of random bytes') : { ok: true, value: bytes }
}
