import type { CloseReason, Phase } from '../../../proxy/events/contract.ts'
import { isDrop } from '../../../proxy/events/outcome.ts'
import { connectionKeys as c } from '../../fold/projections/connections.ts'
import { bucketOf } from '../../fold/retention.ts'
import { type Finding, labelsOf, percent, recentSum, spellWindow, verdictOf, type Watch } from './finding.ts'
import { rules } from './rules.ts'

type Share = {
  rule: 'connection-drops' | 'stalled-sessions'
  subject: string
  over: string
  under: string
}

/** A share in percent, to a tenth. */
const inPercent = (share: number): number => Math.round(share * 1000) / 10

/** The share of `over` among the connections that ended in the window, compared with the usual share here. */
const share = (watch: Watch, { rule, subject, over, under }: Share) => {
  const { windowMs, least, raise, clear, times } = rules[rule]
  const bad = recentSum(watch, over, windowMs)
  const ended = recentSum(watch, under, windowMs)
  const value = ended === 0 ? 0 : bad / ended
  const raised = watch.raised(rule, subject)
  // The baseline stays while the alert is active, or the trouble would become the usual.
  const baseline = raised
    ? raised.baseline / 100
    : (watch.baseline(over, under, watch.now - windowMs * watch.factor).value ?? 0)
  // A multiple of the usual, but no more than half of the way to 100 % where the usual is high.
  const raiseAt = Math.max(raise, Math.min(times * baseline, (1 + baseline) / 2))
  const clearBelow = Math.max(clear, (baseline + raiseAt) / 2)
  const verdict =
    bad >= least ? verdictOf(value, raiseAt, clearBelow) : value < clearBelow ? 'good' : 'between'
  return { bad, ended, value, baseline, verdict } as const
}

/** The most frequent cause of drops in the window, `by/phase/reason`. */
const mainCause = ({ state, now, factor }: Watch, windowMs: number, dc: string | null) => {
  const causes = new Map<string, number>()
  const prefix = c.closed('')
  for (let tick = bucketOf('tick', now - windowMs * factor) + 1; tick <= bucketOf('tick', now); tick++) {
    for (const [key, n] of state.bucket('tick', tick)) {
      if (!key.startsWith(prefix)) continue
      const [by, phase, reason, on] = key.slice(prefix.length).split('/')
      if (!isDrop(phase as Phase, reason as CloseReason) || (dc !== null && on !== dc)) continue
      const cause = `${by}/${phase}/${reason}`
      causes.set(cause, (causes.get(cause) ?? 0) + n)
    }
  }
  return [...causes].sort((a, b) => b[1] - a[1])[0]?.[0] ?? 'unknown'
}

const adviceFor = (cause: string): string => {
  if (cause.startsWith('client/')) {
    return 'Clients lose the network path to this host: if they share a country or provider, suspect blocking, and try another port or TLS_DOMAIN.'
  }
  if (cause.startsWith('datacenter/') || cause.includes('/dial/') || cause.endsWith('/stalled')) {
    return 'The fault is between this host and Telegram: check the row of the datacenter, and try another route or provider.'
  }
  return 'This proxy closes them: check its log, CPU and limits.'
}

/** With this share of the drops on one datacenter, only the alert of that datacenter is raised. */
const ofOne = 0.8

const worstOf = (watch: Watch): number => {
  const { windowMs } = rules['connection-drops']
  return Math.max(0, ...labelsOf(watch, c.dropsOn('')).map((dc) => recentSum(watch, c.dropsOn(dc), windowMs)))
}

const drops = (watch: Watch, dc: string | null): Finding => {
  const rule = 'connection-drops'
  const { windowMs } = rules[rule]
  const subject = dc === null ? 'all datacenters' : `dc ${dc}`
  const [over, under] = dc === null ? [c.drops, c.ended] : [c.dropsOn(dc), c.endedOn(dc)]
  const { bad, ended, value, baseline, verdict } = share(watch, { rule, subject, over, under })
  const isOfOne = dc === null && verdict === 'bad' && worstOf(watch) >= ofOne * bad
  const where = dc === null ? '' : ` to DC ${dc}`
  return {
    rule,
    subject,
    value: inPercent(value),
    baseline: inPercent(baseline),
    verdict: isOfOne ? 'between' : verdict,
    summary: () => {
      const cause = mainCause(watch, windowMs, dc)
      const dropped = `${bad} of ${ended} connections${where} that ended in the last ${spellWindow(watch, windowMs)} were dropped`
      const amount = `${percent(value)}, usually ${percent(baseline)}, mostly ${cause}`
      return `${dropped} (${amount}): these users were cut off. ${adviceFor(cause)}`
    },
    calm: () => `Connections${where} end normally again: ${percent(value)} dropped.`,
  }
}

export const connectionDrops = (watch: Watch): Finding[] => [
  drops(watch, null),
  ...labelsOf(watch, c.dropsOn('')).map((dc) => drops(watch, dc)),
]

/** Connections whose client sent a request and got no answer. */
export const stalledSessions = (watch: Watch): Finding[] =>
  labelsOf(watch, c.dropsOn('')).map((dc) => {
    const rule = 'stalled-sessions'
    const subject = `dc ${dc}`
    const found = share(watch, { rule, subject, over: c.stallsOn(dc), under: c.endedOn(dc) })
    const { bad, ended, value, baseline, verdict } = found
    const window = spellWindow(watch, rules[rule].windowMs)
    return {
      rule,
      subject,
      value: inPercent(value),
      baseline: inPercent(baseline),
      verdict,
      summary: () =>
        `${bad} of ${ended} connections to DC ${dc} that ended in the last ${window} got no answer (${percent(value)}, usually ${percent(baseline)}): these apps show endless connecting. ` +
        'The datacenter accepts connections and stays silent, because its path is filtered or broken, or because the clock of this host is wrong: check its row, and the clock.',
      calm: () => `DC ${dc} answers requests again.`,
    }
  })
