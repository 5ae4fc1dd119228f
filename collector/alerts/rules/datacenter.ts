import { latencyBounds, quantile, total } from '../../fold/histogram.ts'
import { datacenterKeys as d } from '../../fold/projections/datacenters.ts'
import { bucketOf } from '../../fold/retention.ts'
import { type RouteHealth, routeName, routesOf } from '../../read/routes.ts'
import { clock, type Finding, recentSum, spellWindow, verdictOf, type Watch } from './finding.ts'
import { rules } from './rules.ts'

const spoken = ({ dc, media, family }: RouteHealth): string =>
  `DC ${dc}${media ? ' (media)' : ''} over ${family === 'ipv6' ? 'IPv6' : 'IPv4'}`

/** Probes and dials of a route in the ticks after `from`. */
const triesAfter = ({ state, now }: Watch, key: string, from: number) => {
  const [first, last] = [bucketOf('tick', from) + 1, bucketOf('tick', now)]
  const sum = (of: string): number => state.sum('tick', first, last, of)
  return {
    worked: sum(d.probed(key)) + sum(d.dialed(key)),
    failed: sum(d.probeFailed(key)) + sum(d.dialFailed(key)),
  }
}

const hourMs = 3_600_000

/** Whether at least half of the recent tries succeeded, in the shortest window that has enough tries. */
const isBack = (watch: Watch, key: string): boolean => {
  const { recoveryMs, least, worked } = rules['datacenter-down']
  for (const windowMs of recoveryMs) {
    const tries = triesAfter(watch, key, watch.now - windowMs * watch.factor)
    if (tries.worked + tries.failed >= least) return tries.worked >= worked && tries.worked >= tries.failed
  }
  return false
}

const down = (watch: Watch, route: RouteHealth): Finding => {
  const rule = 'datacenter-down'
  const { quietMs, least } = rules[rule]
  const { now, factor, evenSince } = watch
  const subject = routeName(route)
  const { workedAt, error } = route
  const sinceWorked = triesAfter(watch, route.key, Math.max(workedAt ?? 0, now - hourMs))
  // A step of the clock is not a time without an answer.
  const quiet = now - Math.max(workedAt ?? 0, evenSince) >= quietMs * factor
  const isDown = sinceWorked.failed >= least && quiet
  return {
    rule,
    subject,
    value: sinceWorked.failed,
    baseline: 0,
    verdict: isDown ? 'bad' : isBack(watch, route.key) ? 'good' : 'between',
    since: workedAt ?? now,
    summary: () => {
      const silence = workedAt === null ? 'has never answered' : `has not answered since ${clock(workedAt)}`
      const others = routesOf(watch.state).filter((other) => other.expected && other.workedAt !== null)
      const elsewhere = others.some((other) => now - (other.workedAt ?? 0) < quietMs * 2)
      // The error `protocol` means that TCP connects: not a firewall that drops, not a lost route.
      const advice =
        error === 'protocol'
          ? 'Something between this host and Telegram answers in its place (a transparent proxy, a captive portal): route port 443 around it, or ask your provider.'
          : elsewhere
            ? 'Other datacenters answer, so the fault is this datacenter or the route to it: ask your provider, or wait.'
            : 'No other datacenter answers either: check the network and the firewall of this host, then ask its provider.'
      const impact = route.media ? 'cannot load files' : 'cannot connect'
      const tries = `${sinceWorked.failed} tries failed, the last: ${error ?? 'no answer'}`
      return `${spoken(route)} ${silence} (${tries}): accounts at home there ${impact}. ${advice}`
    },
    calm: () =>
      workedAt === null ? `${spoken(route)} is no longer probed.` : `${spoken(route)} answers again.`,
  }
}

/** Where to raise and below which to clear, ms, by the usual value; null while it is not known. */
const slowLimits = (usualMs: number | null): readonly [number, number] => {
  const { raise, raiseMs, clear, clearMs, unknownRaiseMs, unknownClearMs } = rules['datacenter-slow']
  return usualMs === null
    ? [unknownRaiseMs, unknownClearMs]
    : [Math.max(raise * usualMs, usualMs + raiseMs), Math.max(clear * usualMs, usualMs + clearMs)]
}

const slow = (watch: Watch, route: RouteHealth): Finding => {
  const rule = 'datacenter-slow'
  const { windowMs, least } = rules[rule]
  const subject = routeName(route)
  const counts = d.roundTripOn(route.key).map((key) => recentSum(watch, key, windowMs))
  const median = quantile(latencyBounds, counts, 0.5)
  const before = watch.now - windowMs * watch.factor
  const usualUs = watch.baseline(d.roundTripUs(route.key), d.roundTrips(route.key), before).value
  const raised = watch.raised(rule, subject)
  // In an event 0 means unknown. The baseline stays as it was at the raise, or the trouble would become the usual.
  const usualMs = raised ? raised.baseline || null : usualUs === null ? null : Math.round(usualUs / 100) / 10
  const [raiseAt, clearBelow] = slowLimits(usualMs)
  const value = median === null ? 0 : Math.round(median)
  return {
    rule,
    subject,
    value,
    baseline: usualMs ?? 0,
    // Without a measurement the rule datacenter-down decides.
    verdict: median === null || total(counts) < least ? 'between' : verdictOf(median, raiseAt, clearBelow),
    summary: () =>
      `A round trip to ${spoken(route)} takes ${value} ms (median of the last ${spellWindow(watch, windowMs)}, ${usualMs === null ? `limit ${raiseAt} ms` : `usually ${usualMs} ms`}): users notice slow loading. ` +
      'If every datacenter is slow, check this host and its provider; if only this one is, check the route to it.',
    calm: () => `${spoken(route)} is as fast as usual again: ${value} ms.`,
  }
}

/** Routes that this host should have: a family that never works is not a fault of a datacenter. */
const expected = (watch: Watch): RouteHealth[] => routesOf(watch.state).filter((route) => route.expected)

export const datacentersDown = (watch: Watch): Finding[] => expected(watch).map((route) => down(watch, route))
export const datacentersSlow = (watch: Watch): Finding[] => expected(watch).map((route) => slow(watch, route))
