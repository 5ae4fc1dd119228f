import { upstreamKeys as k } from '../../fold/projections/upstreams.ts'
import { bucketOf } from '../../fold/retention.ts'
import { type UpstreamHealth, upstreamsOf } from '../../read/upstreams.ts'
import { clock, type Finding, type Watch } from './finding.ts'
import { rules } from './rules.ts'

const hourMs = 3_600_000

const advice: Readonly<Record<string, string>> = {
  login: 'It refuses the login: correct user and password in UPSTREAMS.',
  denied: 'Its rules refuse Telegram: allow these addresses at the SOCKS5 server.',
  'no-source': 'This host does not have its address or interface: restore it, or correct UPSTREAMS.',
  'no-ports': 'Its address has no free port: add source addresses in UPSTREAMS.',
  protocol: 'Another program answers on its port: correct UPSTREAMS.',
}
const usual = 'Check that it runs and that this host has a route to it.'

/** Failures in the ticks after an upstream last worked, within an hour. */
const failuresOf = ({ state, now }: Watch, { key, workedAt }: UpstreamHealth): number => {
  const from = Math.max(workedAt ?? 0, now - hourMs)
  return state.sum('tick', bucketOf('tick', from) + 1, bucketOf('tick', now), k.failed(key))
}

const down = (watch: Watch, health: UpstreamHealth): Finding => {
  const rule = 'upstream-down'
  const { quietMs, least } = rules[rule]
  const { now, factor, evenSince } = watch
  const { node, upstream, workedAt, error } = health
  const failed = failuresOf(watch, health)
  // A step of the clock is not a time without a success.
  const quiet = now - Math.max(workedAt ?? 0, evenSince) >= quietMs * factor
  const name = `Upstream ${upstream} of node ${node}`
  return {
    rule,
    subject: `${node} ${upstream}`,
    value: failed,
    baseline: 0,
    verdict: failed === 0 || !quiet ? 'good' : failed >= least ? 'bad' : 'between',
    since: workedAt ?? now,
    summary: () => {
      const silence =
        workedAt === null
          ? 'has never reached a datacenter'
          : `has reached no datacenter since ${clock(workedAt)}`
      const others = upstreamsOf(watch.state).filter(
        (other) => other.node === node && other.upstream !== upstream,
      )
      const works = others.some(
        (other) => (other.workedAt ?? 0) >= now - hourMs && (other.workedAt ?? 0) >= (other.failedAt ?? 0),
      )
      const impact = works
        ? 'clients take the other upstreams'
        : 'no other upstream works, and no client can connect'
      return `${name} ${silence} (${failed} tries failed, the last: ${error ?? 'no answer'}): ${impact}. ${advice[error ?? ''] ?? usual}`
    },
    calm: () =>
      failed === 0 && workedAt === null ? `${name} is no longer used.` : `${name} reaches datacenters again.`,
  }
}

export const upstreamsDown = (watch: Watch): Finding[] =>
  upstreamsOf(watch.state).map((health) => down(watch, health))
