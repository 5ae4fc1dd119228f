import { type Address, type Directory, isTelegrams } from '../../datacenter/directory.ts'
import { type Probe, probe } from '../../datacenter/res-pq.ts'
import { dialable, namesOf } from '../../datacenter/resolve.ts'
import { serves } from '../../datacenter/upstream.ts'
import type { Family } from '../../events/contract.ts'
import { testDatacenters } from '../../wire/datacenter-number.ts'
import { randomPool } from '../../wire/random.ts'
import { type Check, type Finding, finding } from '../finding.ts'
import { wayOut } from '../way-out.ts'

const timeoutMs = 5_000
/** A slower resPQ is a warning. */
const slowMs = 1_000

/** Cities of Telegram's datacenters. */
const places = new Map([
  [1, 'Miami'],
  [2, 'Amsterdam'],
  [3, 'Miami'],
  [4, 'Amsterdam'],
  [5, 'Singapore'],
])
const nearMs = 40

/** The answer of one address of a datacenter. */
export type Probed = { readonly id: number; readonly address: Address; readonly answer: Probe }

/** The addresses of one datacenter, media or not, in one family. It is up when one address answers. */
export type Route = { readonly id: number; readonly family: Family; readonly probed: readonly Probed[] }

export const routesOf = (probed: readonly Probed[]): readonly Route[] =>
  [...Map.groupBy(probed, ({ id, address }) => `${id} ${address.family}`).values()].map((group) => ({
    id: group[0]!.id,
    family: group[0]!.address.family,
    probed: group,
  }))

const quickest = ({ probed }: Route): { tcpMs: number; resPqMs: number } | null =>
  probed.flatMap(({ answer }) => (answer.ok ? [answer] : [])).sort((a, b) => a.resPqMs - b.resPqMs)[0] ?? null

const nameOf = ({ id, family }: Route): string =>
  `datacenter ${Math.abs(id)}${id < 0 ? ' media' : ''}, ${family === 'ipv4' ? 'IPv4' : 'IPv6'}`

const errorsOf = ({ probed }: Route): string => {
  const errors = new Set(probed.flatMap(({ answer }) => (answer.ok ? [] : [answer.error])))
  return [...errors].join(', ')
}

/** TCP connected, and the answer is not Telegram's: neither a firewall nor a missing route explains that. */
const isImpostor = ({ probed }: Route): boolean =>
  probed.some(({ answer }) => !answer.ok && answer.error === 'protocol')
const impostor =
  'another machine answers in place of Telegram (a transparent proxy, a captive portal): route port 443 around it, or use another network or provider'

/** A route that is down is a note where the other address family answers. */
const routeFinding = (route: Route, others: readonly Route[]): Finding => {
  const { id, family, probed } = route
  const name = `datacenters.${Math.abs(id)}${id < 0 ? '-media' : ''}-${family}` as const
  const best = quickest(route)
  const answering = probed.filter(({ answer }) => answer.ok).length
  if (best !== null) {
    const numbers = {
      tcpMs: Math.round(best.tcpMs * 10) / 10,
      resPqMs: Math.round(best.resPqMs * 10) / 10,
      addresses: probed.length,
      answering,
    }
    const states = `${nameOf(route)}: connect ${numbers.tcpMs} ms, resPQ ${numbers.resPqMs} ms, ${answering} of ${probed.length} addresses`
    if (best.resPqMs > slowMs) {
      return finding(name, 'warn', states, {
        advice: 'the network path is slow or congested: ask the provider, or use another region',
        numbers,
      })
    }
    return finding(name, answering < probed.length ? 'note' : 'ok', states, { numbers })
  }
  const other = others.some((one) => one.id === id && one.family !== family && quickest(one) !== null)
  const impact = other
    ? '; the proxy uses the other address family'
    : id < 0
      ? ''
      : '; its accounts cannot connect'
  const states = `${nameOf(route)}: no address answers (${errorsOf(route)})${impact}`
  return finding(name, other ? 'note' : id < 0 ? 'warn' : 'fail', states, {
    advice: other
      ? null
      : isImpostor(route)
        ? impostor
        : 'allow outgoing connections to port 443 in the firewall; if it allows them, the path is blocked: use another provider',
    numbers: { addresses: probed.length, answering },
  })
}

/** Distance to the datacenters, which decides on a proxy's place. */
const distanceFinding = (routes: readonly Route[]): Finding | null => {
  const known = routes
    .flatMap((route) => {
      const [place, best] = [places.get(route.id), quickest(route)]
      return place === undefined || best === null ? [] : [{ place, ms: best.tcpMs }]
    })
    .sort((a, b) => a.ms - b.ms)
  const nearest = new Map<string, number>()
  for (const { place, ms } of known) if (!nearest.has(place)) nearest.set(place, ms)
  const [first] = nearest
  if (first === undefined) return null
  const list = [...nearest].map(([place, ms]) => `${place} ${Math.round(ms)} ms`).join(', ')
  const numbers = Object.fromEntries([...nearest].map(([place, ms]) => [`${place}Ms`, Math.round(ms)]))
  return first[1] <= nearMs
    ? finding('datacenters.near', 'ok', `this host is near ${first[0]}: ${list}`, { numbers })
    : finding('datacenters.near', 'note', `this host is far from every datacenter: ${list}`, {
        advice:
          'run the proxy near the datacenter of your users: Amsterdam for Europe and West Asia (2, 4), Miami for the Americas (1, 3), Singapore for Asia (5)',
        numbers,
      })
}

export const judge = (probed: readonly Probed[], directory: Directory): readonly Finding[] => {
  const routes = routesOf(probed)
  const answering = routes.filter((route) => quickest(route) !== null)
  if (answering.length === 0) {
    return [
      finding(
        'datacenters.any',
        'fail',
        `no datacenter answers (${[...new Set(routes.map(errorsOf))].join(', ')})`,
        {
          advice: routes.some(isImpostor)
            ? impostor
            : 'this host has no route to the internet, or a firewall blocks it: test with curl -v telnet://149.154.167.51:443',
          numbers: { addresses: probed.length, answering: 0 },
        },
      ),
    ]
  }
  // Without any IPv6 one line is enough.
  const six = routes.filter(({ family }) => family === 'ipv6')
  const noSix = six.length > 0 && six.every((route) => quickest(route) === null)
  const shown = noSix ? routes.filter(({ family }) => family === 'ipv4') : routes
  const place = isTelegrams(directory) ? distanceFinding(answering) : null
  return [
    ...(place === null ? [] : [place]),
    ...shown.map((route) => routeFinding(route, routes)),
    ...(noSix
      ? [
          finding(
            'datacenters.ipv6',
            'note',
            `no datacenter answers over IPv6 (${errorsOf(six[0]!)}); the proxy uses IPv4`,
          ),
        ]
      : []),
  ]
}

const missingName = (name: string, at: number): Finding =>
  finding(`datacenters.name-${at + 1}`, 'fail', `TELEGRAM_DATACENTERS: ${name} has no DNS answer`, {
    advice: 'check the name and /etc/resolv.conf, or write its address in TELEGRAM_DATACENTERS',
  })

/** Probes every address of every datacenter in parallel, each with one short connection. */
export const datacentersCheck: Check = async ({ config, signal }) => {
  const random = randomPool(1_024)
  const names = namesOf(config.datacenters, () => {})
  const upstream = await wayOut(config)
  const targets = [...dialable(await names.look(), config.preferIpv6)]
    // No user's account is in a test datacenter.
    .filter(([id]) => Math.abs(id) < testDatacenters)
    .flatMap(([id, addresses]) => addresses.map((address) => ({ id, address })))
    .filter(({ address }) => upstream === null || serves(upstream, address))
  const probed = await Promise.all(
    targets.map(async (target) => ({
      ...target,
      answer: await probe({ ...target, random, timeoutMs, signal, upstream }),
    })),
  )
  return [...[...names.missing].map(missingName), ...judge(probed, config.datacenters)]
}
