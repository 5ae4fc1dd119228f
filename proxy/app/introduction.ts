import { join } from 'node:path'
import { tokenFile } from '../api/tokens.ts'
import type { Config } from '../config/config.ts'
import { placeText } from '../config/listeners.ts'
import { type MaskedDomain, siteText } from '../config/masking-settings.ts'
import { type UpstreamSetting, upstreamText } from '../datacenter/upstream-resolve.ts'
import type { Link } from '../users/links.ts'
import { deadLinks } from '../users/public-address.ts'
import type { RunningProxy } from './running-proxy.ts'

const linkLines = (links: readonly Link[]): string[] => [
  'Open one of these links in Telegram, or send it to the person that the proxy is for:',
  ...links.flatMap(({ user, mode, domain, listener, tg, web }) => [
    `  ${[user, mode, domain, listener].filter((word) => word !== null).join(', ')}:`,
    `    ${tg}`,
    `    ${web}`,
  ]),
]

const seen = ({ name, site }: MaskedDomain, at: number): string => {
  const who = at === 0 ? 'Unauthenticated clients' : `Those that ask for ${name}`
  return site === null ? `${who} get no answer (MASK_HOST=off).` : `${who} see ${siteText(site)}.`
}

/** Prints links for a person: they hold secrets, so no log line has them. */
export const printLinks = (links: readonly Link[]): void => {
  if (links.length > 0) process.stdout.write(`${linkLines(links).join('\n')}\n\n`)
}

/** Users whose links are printed at the start. */
const mostShown = 20
const placesOf = ({ listeners }: Config, { port }: RunningProxy): string =>
  listeners[0]?.name === null ? `port ${port}` : listeners.map(({ at }) => placeText(at)).join(', ')

const waysOut = (upstreams: readonly UpstreamSetting[]): string => {
  const inOrder = upstreams.every(({ weight }) => weight === null)
  return `Datacenters are reached through ${upstreams.map(upstreamText).join(inOrder ? ', then ' : ', ')}.`
}

/** Prints what a person at a terminal needs after the start. */
export const introduce = async (
  program: string,
  config: Config,
  proxy: RunningProxy,
  hasPage: boolean,
): Promise<void> => {
  const more = proxy.users.all.filter(({ enabled }) => enabled).length - mostShown
  const dead = deadLinks(proxy.address)
  const lines = [
    `${program} relays on ${placesOf(config, proxy)} to ${config.datacenters.size} datacenter entries, ${config.workers} threads.`,
    hasPage ? `Status page and metrics: ${proxy.metricsUrl}/` : `Metrics: ${proxy.metricsUrl}/metrics`,
    ...(config.upstreams === null ? [] : [waysOut(config.upstreams)]),
    ...(config.apiTokens === null
      ? [`Token to manage users on the page and over HTTP: ${join(config.dataDir, tokenFile)}`]
      : []),
    ...config.domains.map(seen),
    '',
    ...linkLines(proxy.linksAt(mostShown)),
    ...(more > 0 ? [`  … and ${more} more users: mtscope users link NAME prints their links.`] : []),
  ]
  if (dead !== null) lines.push('', `Warning: ${dead.states}: set ${dead.advice}.`)
  process.stdout.write(`${lines.join('\n')}\n\n`)
  const link = proxy.linksAt(1).at(-1)
  // Loaded only where a person may see it.
  if (link !== undefined && process.stdout.isTTY) (await import('../users/qr.ts')).printQr(link.tg)
}
