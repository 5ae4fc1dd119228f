import { middleProxyKeys as m } from '../../fold/projections/middle-proxies.ts'
import { bucketOf } from '../../fold/retention.ts'
import { type MiddleRoute, middleRoutesOf } from '../../read/middle-proxies.ts'
import { clock, type Finding, labelsOf, recentSum, type Watch } from './finding.ts'
import { rules } from './rules.ts'

type Subject = { readonly dc: number; readonly media: boolean; readonly routes: readonly MiddleRoute[] }

const hourMs = 3_600_000
const fallbackMs = 300_000

/** Datacenters whose middle proxies are probed, and those whose clients go around them. */
const subjectsOf = (watch: Watch): readonly Subject[] => {
  const groups = Map.groupBy(middleRoutesOf(watch.state), ({ dc, media }) => `${dc}/${media}`)
  const probed = [...groups.values()].map((routes) => ({ ...routes[0]!, routes }))
  const around = labelsOf(watch, m.fallbacks(''))
    .map(Number)
    .filter((dc) => !groups.has(`${dc}/false`))
    .map((dc) => ({ dc, media: false, routes: [] }))
  return [...probed, ...around]
}

/** Probes in the ticks after `from`; for the datacenter itself also clients that went through and around its middle proxies. */
const triesAfter = ({ state, now }: Watch, { dc, media, routes }: Subject, from: number) => {
  const [first, last] = [bucketOf('tick', from) + 1, bucketOf('tick', now)]
  const sum = (keys: readonly string[]): number =>
    keys.reduce((total, key) => total + state.sum('tick', first, last, key), 0)
  return {
    worked: sum([...routes.map(({ key }) => m.probed(key)), ...(media ? [] : [m.connections(dc)])]),
    failed: sum([...routes.map(({ key }) => m.probeFailed(key)), ...(media ? [] : [m.fallbacks(dc)])]),
  }
}

/** Whether at least half of the recent tries succeeded, in the shortest window that has enough tries; or no try is made any more. */
const isBack = (watch: Watch, subject: Subject): boolean => {
  const { recoveryMs, least, worked } = rules['middle-proxies-away']
  for (const windowMs of recoveryMs) {
    const tries = triesAfter(watch, subject, watch.now - windowMs * watch.factor)
    if (tries.worked + tries.failed >= least) return tries.worked >= worked && tries.worked >= tries.failed
  }
  const longest = recoveryMs.at(-1) ?? hourMs
  return triesAfter(watch, subject, watch.now - longest * watch.factor).failed === 0
}

const away = (watch: Watch, subject: Subject): Finding => {
  const rule = 'middle-proxies-away'
  const { quietMs, least } = rules[rule]
  const { now, factor, evenSince } = watch
  const { dc, media, routes } = subject
  const times = routes.map(({ workedAt }) => workedAt ?? 0)
  const workedAt = Math.max(0, ...times)
  const since = triesAfter(watch, subject, Math.max(workedAt, now - hourMs))
  const quiet = now - Math.max(workedAt, evenSince) >= quietMs * factor
  const spoken = `DC ${dc}${media ? ' (media)' : ''}`
  return {
    rule,
    subject: `dc ${dc}${media ? ' media' : ''}`,
    value: since.failed,
    baseline: 0,
    verdict:
      since.failed >= least && since.worked === 0 && quiet
        ? 'bad'
        : isBack(watch, subject)
          ? 'good'
          : 'between',
    since: workedAt || now,
    summary: () => {
      const silence = workedAt === 0 ? 'have never answered' : `have not answered since ${clock(workedAt)}`
      const errors = [...new Set(routes.flatMap(({ probe }) => probe.error ?? []))].join(', ')
      const around = recentSum(watch, m.fallbacks(dc), fallbackMs)
      const others = middleRoutesOf(watch.state).some(
        (other) => other.dc !== dc && now - (other.workedAt ?? 0) < quietMs * 2,
      )
      const advice = others
        ? 'Those of other datacenters answer: wait, Telegram publishes other ones within the hour.'
        : 'No other middle proxy answers either: check that PUBLIC_HOST is the address that Telegram sees, the clock, and the firewall.'
      return `The middle proxies of ${spoken} ${silence} (${since.failed} tries failed${errors && `, the last: ${errors}`}): clients there see no sponsored channel, or are refused with MIDDLE_PROXY_FALLBACK=refuse; ${around} went directly in the last 5 min. ${advice}`
    },
    calm: () => `The middle proxies of ${spoken} answer again, or are not used any more.`,
  }
}

export const middleProxiesAway = (watch: Watch): Finding[] =>
  subjectsOf(watch).map((subject) => away(watch, subject))
