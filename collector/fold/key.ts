import type { Family } from '../../proxy/events/contract.ts'
import { testDatacenters } from '../../proxy/wire/datacenter-number.ts'

/**
 * Keys of the state: parts are separated by `/`, and a part that may contain a `/` comes last. Each projection names its own
 * keys. Keys with a label are cached: building a string costs more than counting under it.
 */

// Labels are few (users, datacenters, reasons); the limit bounds memory if that is wrong one day.
const limit = 4096

/** `prefix/label`, made once per label. */
export const labelled = (prefix: string): ((label: string | number) => string) => {
  const known = new Map<string | number, string>()
  return (label) => {
    const key = known.get(label)
    if (key !== undefined) return key
    if (known.size >= limit) known.clear()
    const made = `${prefix}/${label}`
    known.set(label, made)
    return made
  }
}

const mostDcs = 1_000

/**
 * The id of a datacenter without its sign, which clients use to ask for media. Ids that Telegram cannot have become 0: an
 * event may claim any number.
 */
export const dcOf = (dc: number): number => {
  const id = Math.abs(dc)
  return id < mostDcs || (id > testDatacenters && id < testDatacenters + mostDcs) ? id : 0
}

/** One row of the datacenter matrix. */
export type Route = { readonly dc: number; readonly media: boolean; readonly family: Family }

const known = new Map<number, string>()

export const routeKey = ({ dc, media, family }: Route): string => {
  const code = dcOf(dc) * 4 + (media ? 2 : 0) + (family === 'ipv6' ? 1 : 0)
  const key = known.get(code)
  if (key !== undefined) return key
  if (known.size >= limit) known.clear()
  const made = `${dcOf(dc)}/${media ? 'media' : 'main'}/${family}`
  known.set(code, made)
  return made
}

export const routeOf = (key: string): Route => {
  const [dc, media, family] = key.split('/')
  return { dc: Number(dc), media: media === 'media', family: family === 'ipv6' ? 'ipv6' : 'ipv4' }
}

export const slots = 64

/** The slot of a keyed client hash. The number of slots that were hit estimates the number of clients, and adds up. */
export const slotOf = (client: string): number => (Number.parseInt(client.slice(0, 4), 16) || 0) % slots

/** Linear counting: estimates the distinct clients from the number of slots hit. */
export const clientsOf = (hit: number): number =>
  Math.round(hit >= slots ? slots * Math.log(slots) : -slots * Math.log(1 - hit / slots))
