import type { Family } from '../../proxy/events/contract.ts'
import { testDatacenters } from '../../proxy/wire/datacenter-number.ts'

/**
 * How keys of the state are made: `/` separates, and what may itself hold a `/` comes last. Each projection
 * names its own. A key with a label is remembered: building a string costs more than counting under it.
 */

// Labels are few (users, datacenters, reasons); the limit is for the day that turns out wrong.
const limit = 4096

/** `prefix/label`, made once a label. */
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
 * Media datacenters may be asked for by a negative id; `media` says so, and the id stays that of the datacenter. Ids that
 * Telegram cannot have share 0: an event may claim any number.
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

/** A slot of a keyed client hash: how many slots were hit estimates how many clients there were, and adds up. */
export const slotOf = (client: string): number => (Number.parseInt(client.slice(0, 4), 16) || 0) % slots

/** Linear counting: distinct clients from the slots hit. */
export const clientsOf = (hit: number): number =>
  Math.round(hit >= slots ? slots * Math.log(slots) : -slots * Math.log(1 - hit / slots))
