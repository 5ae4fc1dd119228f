import { isIP } from 'node:net'
import { isOurselves } from '../net/ourselves.ts'
import { listenerClashes, listenersOf } from './listening.ts'
import { domainsOf, type MaskedDomain, type Site, siteText } from './masking-settings.ts'
import { isLoopback } from './parse.ts'
import type { ShownName, Values } from './settings.ts'

const loopback = ['127.0.0.1', '::1'] as const

/** Whether a listener is at the place of the site, as far as the settings show it. */
const isOwnSite = ({ host, port }: Site, values: Values): boolean => {
  const listeners = listenersOf(values).map(({ at }) => ({ at, publicHost: null, publicPort: null }))
  const names = isLoopback(host) && isIP(host) === 0 ? loopback : [host]
  return names.some((at) => isOurselves({ host: at, port }, listeners, () => loopback))
}

/** The setting that has the masking host, and the host. */
const ownSite = (domain: MaskedDomain | undefined, hosts: Values['MASK_HOSTS']): string => {
  if (!domain?.site) return ''
  const at = siteText(domain.site)
  return hosts.has(domain.name) ? `MASK_HOSTS=${domain.name}=${at}` : `MASK_HOST ${at}`
}

/** Settings that are valid each, but not together. The texts may name values of shown settings only. */
export const clashes = (values: Values): string[] => {
  const { TLS_DOMAIN, ...shown }: Pick<Values, ShownName> = values
  const loginMissing = values.KAFKA_USERNAME === null || values.KAFKA_PASSWORD === null
  const self = domainsOf(values).find(({ site }) => site !== null && isOwnSite(site, values))
  const isForeign = (name: string): boolean => !TLS_DOMAIN.includes(name)
  const foreign = [...shown.MASK_HOSTS.keys()].find(isForeign)
  const named = shown.MASK_PROXY_PROTOCOL === 'all' ? [] : shown.MASK_PROXY_PROTOCOL
  const foreignNamed = named.find(isForeign)
  // A signed hello is valid for so long before and after its time.
  const window = 2 * shown.CLOCK_SKEW
  const checks: readonly (readonly [wrong: boolean, mistake: string])[] = [
    [
      shown.MODES.includes('tls') && TLS_DOMAIN.length === 0,
      'TLS_DOMAIN is empty, but MODES has tls: write a domain, or leave tls out of MODES',
    ],
    [
      self !== undefined,
      `${ownSite(self, shown.MASK_HOSTS)} is this proxy itself: write another site, or off`,
    ],
    [
      foreign !== undefined,
      `MASK_HOSTS has ${foreign}, which TLS_DOMAIN lacks: add it there, or leave it out`,
    ],
    [
      foreignNamed !== undefined,
      `MASK_PROXY_PROTOCOL has ${foreignNamed}, which TLS_DOMAIN lacks: add it there, or leave it out`,
    ],
    [
      shown.USE_MIDDLE_PROXY && !(values.UPSTREAMS?.some(({ kind }) => kind === 'direct') ?? true),
      'USE_MIDDLE_PROXY=true reaches middle proxies directly: add direct to UPSTREAMS, or leave one of them out',
    ],
    [
      values.AD_TAG !== null && !shown.USE_MIDDLE_PROXY,
      'AD_TAG needs USE_MIDDLE_PROXY=true: write both, or leave AD_TAG out',
    ],
    [
      shown.KAFKA_SASL !== null && loginMissing,
      `KAFKA_SASL=${shown.KAFKA_SASL} needs KAFKA_USERNAME and KAFKA_PASSWORD: write both`,
    ],
    [
      shown.KAFKA_CA !== null && !shown.KAFKA_TLS,
      'KAFKA_CA is set, but KAFKA_TLS is false: set KAFKA_TLS=true, or leave KAFKA_CA out',
    ],
    [
      shown.REDIS_CA !== null && !values.REDIS_URL?.every((url) => url.startsWith('rediss')),
      'REDIS_CA is set, but REDIS_URL has no TLS: write it with rediss, or leave REDIS_CA out',
    ],
    [
      shown.REPLAY_WINDOW < window,
      `REPLAY_WINDOW is shorter than twice CLOCK_SKEW: write ${window / 1_000} or more`,
    ],
  ]
  return [...listenerClashes(values), ...checks.flatMap(([wrong, mistake]) => (wrong ? [mistake] : []))]
}
