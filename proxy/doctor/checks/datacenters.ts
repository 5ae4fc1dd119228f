import { type Address, type Directory, telegram } from '../../datacenter/directory.ts'
import { type Probe, probe } from '../../datacenter/res-pq.ts'
import { dialable, namesOf } from '../../datacenter/resolve.ts'
import type { Family } from '../../events/contract.ts'
import { testDatacenters } from '../../wire/datacenter-number.ts'
import { randomPool } from '../../wire/random.ts'
import { type Check, type Finding, finding } from '../finding.ts'

const timeoutMs = 5_000
/** A first byte later than that is slow. */
const slowMs = 1_000

/** Where Telegram's own are. */
const places = new Map([
  [1, 'Miami'],
  [2, 'Amsterdam'],
  [3, 'Miami'],
  [4, 'Amsterdam'],
  [5, 'Singapore'],
])
const nearMs = 40

/** What one address answered, and which of its datacenter's it is. */
export type Asked = { readonly id: number; readonly address: Address; readonly answer: Probe }

/** The addresses of one datacenter, media or not, in one family: up when one of them is. */
export type Route = { readonly id: number; readonly family: Family; readonly asked: readonly Asked[] }

export const routesOf = (asked: readonly Asked[]): readonly Route[] =>
  [...Map.groupBy(asked, ({ id, address }) => `${id} ${address.family}`).values()].map((group) => ({
    id: group[0]!.id,
    family: group[0]!.address.family,
    asked: group,
  }))

const quickest = ({ asked }: Route): { tcpMs: number; resPqMs: number } | null =>
  asked.flatMap(({ answer }) => (answer.ok ? [answer] : [])).sort((a, b) => a.resPqMs - b.resPqMs)[0] ?? null

const nameOf = ({ id, family }: Route): string =>
  `datacenter ${Math.abs(id)}${id < 0 ? ' media' : ''}, ${family === 'ipv4' ? 'IPv4' : 'IPv6'}`

const errorsOf = ({ asked }: Route): string => {
  const errors = new Set(asked.flatMap(({ answer }) => (answer.ok ? [] : [answer.error])))
  return [...errors].join(', ')
}

/** TCP stood, and what came back is not Telegram's: no firewall, and no lack of a way out. */
const isImpostor = ({ asked }: Route): boolean =>
  asked.some(({ answer }) => !answer.ok && answer.error === 'protocol')
const impostor =
  'something between here and Telegram answers in its place (a transparent proxy, a captive portal): take port 443 past it, or try another network or provider'

/** A route that is down is only half as bad where the other family answers. */
const reported = (route: Route, others: readonly Route[]): Finding => {
  const { id, family, asked } = route
  const name = `datacenters.${Math.abs(id)}${id < 0 ? '-media' : ''}-${family}` as const
  const best = quickest(route)
  const answering = asked.filter(({ answer }) => answer.ok).length
  if (best !== null) {
    const numbers = {
      tcpMs: Math.round(best.tcpMs * 10) / 10,
      resPqMs: Math.round(best.resPqMs * 10) / 10,
      addresses: asked.length,
      answering,
    }
    const states = `${nameOf(route)}: connect ${numbers.tcpMs} ms, resPQ ${numbers.resPqMs} ms, ${answering} of ${asked.length} addresses`
    if (best.resPqMs > slowMs) {
      return finding(name, 'warn', states, {
        advice: 'a slow or congested way: ask the provider, or try another region',
        numbers,
      })
    }
    return finding(name, answering < asked.length ? 'note' : 'ok', states, { numbers })
  }
  const other = others.some((one) => one.id === id && one.family !== family && quickest(one) !== null)
  return finding(name, other ? 'note' : id < 0 ? 'warn' : 'fail', `${nameOf(route)}: ${errorsOf(route)}`, {
    advice: other
      ? null
      : isImpostor(route)
        ? impostor
        : 'look at the firewall for outgoing connects to port 443; else it is blocked on the way: try another provider',
    numbers: { addresses: asked.length, answering },
  })
}

/** Which datacenters are near: what decides where a proxy is best put. */
const near = (routes: readonly Route[]): Finding | null => {
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
    ? finding('datacenters.near', 'ok', `this machine is near ${first[0]}: ${list}`, { numbers })
    : finding('datacenters.near', 'note', `this machine is near no datacenter: ${list}`, {
        advice:
          'put the proxy near the accounts: Amsterdam for Europe and West Asia (2, 4), Miami for the Americas (1, 3), Singapore for Asia (5)',
        numbers,
      })
}

export const judge = (asked: readonly Asked[], directory: Directory): readonly Finding[] => {
  const routes = routesOf(asked)
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
            : 'this machine has no way out, or a firewall forbids it: try curl -v telnet://149.154.167.51:443',
          numbers: { addresses: asked.length, answering: 0 },
        },
      ),
    ]
  }
  // Without any IPv6 one line says it all.
  const six = routes.filter(({ family }) => family === 'ipv6')
  const noSix = six.length > 0 && six.every((route) => quickest(route) === null)
  const shown = noSix ? routes.filter(({ family }) => family === 'ipv4') : routes
  const place = directory === telegram ? near(answering) : null
  return [
    ...(place === null ? [] : [place]),
    ...shown.map((route) => reported(route, routes)),
    ...(noSix
      ? [finding('datacenters.ipv6', 'note', `no datacenter answers over IPv6 (${errorsOf(six[0]!)})`)]
      : []),
  ]
}

const lost = (name: string, at: number): Finding =>
  finding(`datacenters.name-${at + 1}`, 'fail', `${name} of TELEGRAM_DATACENTERS is not found`, {
    advice: 'look at /etc/resolv.conf, or write its address in TELEGRAM_DATACENTERS',
  })

/** Every address of every datacenter, all at once, each by one short connection. */
export const datacentersCheck: Check = async ({ config, signal }) => {
  const random = randomPool(1_024)
  const names = namesOf(config.datacenters, () => {})
  const targets = [...dialable(await names.look())]
    // No user's account is in a test datacenter.
    .filter(([id]) => Math.abs(id) < testDatacenters)
    .flatMap(([id, addresses]) => addresses.map((address) => ({ id, address })))
  const asked = await Promise.all(
    targets.map(async (target) => ({
      ...target,
      answer: await probe({ ...target, random, timeoutMs, signal }),
    })),
  )
  return [...[...names.missing].map(lost), ...judge(asked, config.datacenters)]
}
