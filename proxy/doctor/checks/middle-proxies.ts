import { createSocket } from 'node:dgram'
import { isIP } from 'node:net'
import { join } from 'node:path'
import type { MiddleProxyDocument } from '../../events/contract.ts'
import { keptFile, readKeptDocuments } from '../../middle-proxy/kept.ts'
import { findAddress, isPublic, type LinkAddress } from '../../users/public-address.ts'
import { type About, type Check, type Finding, finding } from '../finding.ts'

const hourMs = 3_600_000

/** From when on a document is old: several downloads have failed. */
const oldMs: Readonly<Record<MiddleProxyDocument, number>> = {
  config: 6 * hourMs,
  'config-v6': 6 * hourMs,
  secret: 72 * hourMs,
}

const names: Readonly<Record<MiddleProxyDocument, string>> = {
  config: 'the list of middle proxies',
  'config-v6': 'the list of IPv6 middle proxies',
  secret: 'the secret of the middle proxies',
}

const spell = (ms: number): string =>
  ms < 2 * hourMs ? `${Math.round(ms / 60_000)} min` : `${Math.round(ms / hourMs)} h`

/** Age of what has been downloaded. */
export const documents = ({ config, now }: Pick<About, 'config' | 'now'>): readonly Finding[] => {
  const { kept, damaged } = readKeptDocuments(config.dataDir)
  const advice = 'let this host reach core.telegram.org by https: test with curl -v on the URL of the setting'
  if (damaged) {
    return [
      finding('middle-proxies.file', 'warn', `${join(config.dataDir, keptFile)} cannot be read`, {
        advice: 'give it to the user of the proxy; if it is damaged, remove it: the proxy downloads it again',
      }),
    ]
  }
  const wanted = (['config', 'config-v6', 'secret'] as const).filter(
    (name) => config.middleProxyUrls[name] !== null,
  )
  return wanted.map((name) => {
    const id = `middle-proxies.${name}` as const
    const document = kept.get(name)
    if (document === undefined || document.url !== config.middleProxyUrls[name]) {
      const needed = name !== 'config-v6'
      return finding(id, needed ? 'warn' : 'note', `${names[name]} has not been downloaded yet`, { advice })
    }
    const age = Math.max(0, now() - document.at)
    const numbers = { ageSeconds: Math.round(age / 1_000) }
    return age >= oldMs[name]
      ? finding(id, 'warn', `${names[name]} is ${spell(age)} old`, { advice, numbers })
      : finding(id, 'ok', `${names[name]} is ${spell(age)} old`, { numbers })
  })
}

/** The address from which this host reaches the internet, by the kernel's table of routes; null without a route. */
const socketAddress = async (): Promise<string | null> => {
  const socket = createSocket('udp4')
  const { promise, resolve } = Promise.withResolvers<string | null>()
  socket.on('error', () => resolve(null))
  // Connecting sends nothing.
  socket.connect(443, '149.154.167.51', () => resolve(socket.address().address))
  return promise.finally(() => socket.close())
}

type Seen = {
  readonly publicHost: string | null
  /** This host's address without PUBLIC_HOST. */
  readonly found: LinkAddress
  readonly socket: string | null
}

/** Whether the address in the keys is one that Telegram may see: that of the socket, unless NAT hides it. */
export const judgeAddress = ({ publicHost, found, socket }: Seen): Finding => {
  const id = 'middle-proxies.address'
  if (socket === null || isPublic(socket))
    return finding(id, 'ok', `the address of the socket is in the keys: ${socket ?? 'IPv6 only'}`)
  const given = publicHost !== null && isIP(publicHost) > 0 ? publicHost : null
  const seen = found.from === 'local' ? null : found.host
  const nat = `this host is behind NAT (${socket})`
  const advice = `set PUBLIC_HOST=${seen ?? 'the public address of this host'}`
  if (given === null)
    return seen !== null
      ? finding(id, 'ok', `${nat}, and Telegram sees ${seen}, which is in the keys`)
      : finding(id, 'fail', `${nat}, and its public address is not known: middle proxies refuse its keys`, {
          advice,
        })
  if (!isPublic(given))
    return finding(id, 'fail', `${nat}, and Telegram cannot see PUBLIC_HOST=${given}, which is in the keys`, {
      advice,
    })
  if (seen !== null && isIP(seen) === isIP(given) && seen !== given)
    return finding(id, 'warn', `${nat}, PUBLIC_HOST=${given} is in the keys, and others see ${seen}`, {
      advice,
    })
  return finding(id, 'ok', `${nat}, and PUBLIC_HOST=${given} is in the keys`)
}

const check =
  (asks: boolean): Check =>
  async (about) => {
    const { config, address, signal } = about
    if (!config.useMiddleProxy) return []
    const own = await address()
    const known = own.from !== 'setting'
    const unasked = { host: '127.0.0.1', from: 'local', why: 'not asked' } as const
    const found = known ? own : asks ? await findAddress({ ...config, publicHost: null }, signal) : unasked
    const seen = { publicHost: config.publicHost, found, socket: await socketAddress() }
    return [judgeAddress(seen), ...documents(about)]
  }

/** Asks PUBLIC_HOST_FROM for the address that others see. */
export const middleProxiesCheck = check(true)

/** For the running proxy: asks no other host. */
export const passiveMiddleProxiesCheck = check(false)
