import type { Status } from '../../read/status.ts'
import type { ApiUser, Limits } from './api-types.ts'
import { bytes, count, percent, rate } from './format.ts'
import { h, type Piece } from './piece.ts'
import { bar } from './table.ts'

type Traffic = Status['users'][number]

const sum = (traffic: Traffic['today'] | undefined): number =>
  (traffic?.bytesToClient ?? 0) + (traffic?.bytesToDatacenter ?? 0)

/** A limit as a person writes it in a form: `none`, `50000000`, `tls,secure`; empty: the default holds. */
export const written = (limits: Limits, name: keyof Limits): string => {
  const value = limits[name]
  if (value === undefined) return ''
  return value === null ? 'none' : String(value)
}

/** How much of a limit is used, with a bar and its share in words. */
const used = (words: string, part: number, whole: number): Piece => {
  const share = whole > 0 ? part / whole : 0
  return h(
    'li',
    { class: share >= 1 ? 'limit full' : 'limit' },
    `${words}, ${percent(share)} used`,
    bar(Math.min(part, whole), whole, share >= 1 ? 'drop' : ''),
  )
}

const plain = (words: string): Piece => h('li', { class: 'limit' }, words)

const counted = (limits: Limits, traffic: Traffic | undefined): (Piece | null)[] => {
  const { maxConnections, quotaDay, quotaMonth, quotaTotal } = limits
  const quota = (value: number | null | undefined, of: string, part: number): Piece | null =>
    value == null ? null : used(`${bytes(value)} ${of}`, part, value)
  return [
    maxConnections == null
      ? null
      : used(`${count(maxConnections)} connections`, traffic?.open ?? 0, maxConnections),
    quota(quotaDay, 'a day', sum(traffic?.today)),
    quota(quotaMonth, 'a month', sum(traffic?.month)),
    quota(quotaTotal, 'in all', sum(traffic?.total)),
  ]
}

const day = (moment: string): string => moment.replace('T', ' ').replace(/:00Z$/, ' UTC')

/** The limits in force, each as an item of a list. */
export const limitItems = ({ effective }: ApiUser, traffic: Traffic | undefined, now: number): Piece[] => {
  const { maxAddresses, expiresAt, rateUp, rateDown, modes, networks, adTag } = effective
  const over = expiresAt != null && Date.parse(expiresAt) <= now
  return [
    ...counted(effective, traffic),
    maxAddresses == null ? null : plain(`${count(maxAddresses)} addresses at a time`),
    expiresAt == null
      ? null
      : h(
          'li',
          { class: over ? 'limit full' : 'limit' },
          `${over ? 'expired' : 'expires'} ${day(expiresAt)}`,
        ),
    rateUp == null ? null : plain(`${rate(rateUp)} up`),
    rateDown == null ? null : plain(`${rate(rateDown)} down`),
    modes == null ? null : plain(`only ${modes.join(', ')}`),
    networks == null
      ? null
      : plain(`only from ${networks.length === 1 ? networks[0] : `${networks.length} networks`}`),
    adTag == null ? null : plain('ad tag'),
  ].filter((item) => item !== null)
}
