import { limitsWithoutAlert } from '../../../proxy/events/outcome.ts'
import { clientsOf, slots } from '../../fold/key.ts'
import { connectionKeys } from '../../fold/projections/connections.ts'
import { rejectionKeys as r } from '../../fold/projections/rejections.ts'
import { replayKeys } from '../../fold/projections/replays.ts'
import {
  type Finding,
  labelsOf,
  percent,
  recentSum,
  seenOf,
  spellWindow,
  verdictOf,
  type Watch,
} from './finding.ts'
import { rules } from './rules.ts'

/** The label with the highest count in the window, among the keys `key(label)`. */
const mostOf = (watch: Watch, key: (label: string) => string, windowMs: number): string => {
  const counted = labelsOf(watch, key('')).map(
    (label) => [label, recentSum(watch, key(label), windowMs)] as const,
  )
  return counted.sort((a, b) => b[1] - a[1])[0]?.[0] ?? 'unknown'
}

export const rejectionStorm = (watch: Watch): Finding[] => {
  const rule = 'rejection-storm'
  const { windowMs, least, times } = rules[rule]
  const subject = 'all nodes'
  const n = recentSum(watch, r.rejected, windowMs)
  const wholeMs = windowMs * watch.factor
  const minutes = Math.max(seenOf(watch, wholeMs), Math.min(60_000, wholeMs)) / 60_000
  const usual = watch.baseline(r.rejected, null, watch.now - windowMs * watch.factor).value ?? 0
  const baseline = watch.raised(rule, subject)?.baseline ?? usual
  const value = n / minutes
  const verdict =
    n >= least && value >= times * baseline
      ? 'bad'
      : n < least / 2 || value < (times / 2) * baseline
        ? 'good'
        : 'between'
  return [
    {
      rule,
      subject,
      value,
      baseline,
      verdict,
      summary: () =>
        `${n} handshakes were refused in the last ${spellWindow(watch, windowMs)} (${Math.round(value)} a minute, usually ${Math.round(baseline)}), mostly ${mostOf(watch, r.rejectedFor, windowMs)}: clients with a valid link are not affected. ` +
        'If the reason is unknown-user, an old link is in circulation: send the new one. If it is bad-digest, malformed-hello or not-mtproto, this is a scan: a firewall before the port costs less than the handshakes.',
      calm: () => `Refused handshakes are back at ${Math.round(value)} a minute.`,
    },
  ]
}

const addresses = (n: number): string => (n === 1 ? '1 address' : `${n} addresses`)

/** How many slots have a count in the window, under `key(slot)`. */
const slotsHit = (watch: Watch, key: (slot: number) => string, windowMs: number): number => {
  let hit = 0
  for (let slot = 0; slot < slots; slot++) if (recentSum(watch, key(slot), windowMs) > 0) hit++
  return hit
}

export const replayedHandshakes = (watch: Watch): Finding[] => {
  const rule = 'replays'
  const { windowMs, raise, clear } = rules[rule]
  const value = recentSum(watch, replayKeys.replays, windowMs)
  return [
    {
      rule,
      subject: 'all nodes',
      value,
      baseline: 0,
      verdict: verdictOf(value, raise, clear),
      summary: () =>
        `${value} recorded handshakes were replayed in the last ${spellWindow(watch, windowMs)}, from about ${addresses(clientsOf(slotsHit(watch, replayKeys.slot, windowMs)))}: an observer of your users’ traffic probes this host, and was shown the masking host. ` +
        'Check that MASK_HOST answers, and have another PUBLIC_HOST or MTPROTO_PORT ready.',
      calm: () => 'Handshakes are no longer replayed.',
    },
  ]
}

const signedAdvice: Readonly<Record<string, string>> = {
  'unknown-sni':
    'Their link names another domain than TLS_DOMAIN: send them the new link, or restore TLS_DOMAIN.',
  'mode-off': 'MODES leaves out tls: send them a link of a mode that is on, or add tls.',
  'unknown-dc': 'The app asks for a datacenter that this version does not know: update mtscope.',
}

export const signedRefused = (watch: Watch): Finding[] => {
  const rule = 'signed-refused'
  const { windowMs, raise, clear } = rules[rule]
  const value = recentSum(watch, r.signedRefused, windowMs)
  return [
    {
      rule,
      subject: 'all nodes',
      value,
      baseline: 0,
      verdict: verdictOf(value, raise, clear),
      summary: () => {
        const reason = mostOf(watch, r.signedRefusedFor, windowMs)
        const user = mostOf(watch, r.signedRefusedOf, windowMs)
        const advice =
          signedAdvice[reason] ??
          'Report it with the JA4 of these hellos (dashboard Security, panel JA4 × outcome).'
        return (
          `${value} signed hellos were refused in the last ${spellWindow(watch, windowMs)} (usually none), mostly of ${user} for ${reason}: the apps of this user cannot connect. ` +
          advice
        )
      },
      calm: () => 'Signed hellos are no longer refused.',
    },
  ]
}

export const clockSkew = (watch: Watch): Finding[] => {
  const rule = 'clock-skew'
  const { windowMs, raise, clear, clients } = rules[rule]
  const count = (side: string): number => recentSum(watch, r.skewed(side), windowMs)
  const signed = recentSum(watch, r.signed, windowMs) + count('ahead') + count('behind')
  return (['ahead', 'behind'] as const).map((side) => {
    const n = count(side)
    const off = n === 0 ? 0 : Math.round(recentSum(watch, r.skewSeconds(side), windowMs) / n)
    const verdict = verdictOf(n, raise, clear)
    const distinct =
      verdict === 'bad' ? clientsOf(slotsHit(watch, (slot) => r.skewSlot(`${side}/${slot}`), windowMs)) : 0
    const ours = n >= signed / 2
    const advice = ours
      ? `This host’s clock is probably ${off} s ${side === 'ahead' ? 'behind' : 'ahead'}: check \`timedatectl\`, and set it by NTP.`
      : 'Most clients agree with this host, so their clocks are probably wrong: ask these users to set the time automatically.'
    return {
      rule,
      subject: `clients ${side}`,
      value: off,
      baseline: 0,
      verdict: verdict === 'bad' && distinct < clients ? 'between' : verdict,
      summary: () =>
        `${n} of ${signed} signed hellos in the last ${spellWindow(watch, windowMs)} were refused, from about ${addresses(distinct)} whose clocks are about ${off} s ${side === 'ahead' ? 'ahead of' : 'behind'} this host: these clients cannot connect. ${advice}`,
      calm: () => 'The clocks of the clients and of this host agree again.',
    }
  })
}

export const limitsReached = (watch: Watch): Finding[] =>
  labelsOf(watch, r.refused('')).flatMap((limit) => {
    if (limitsWithoutAlert.includes(limit)) return []
    const rule = 'limit-reached'
    const { windowMs, least, share, goesOnMs } = rules[rule]
    const value = recentSum(watch, r.refused(limit), windowMs)
    const lately = recentSum(watch, r.refused(limit), goesOnMs)
    // Not for one client that retries, and not for a burst that ends before an operator could act.
    const many = value >= least && value > share * recentSum(watch, connectionKeys.accepted, windowMs)
    return {
      rule,
      subject: limit,
      value,
      baseline: 0,
      verdict: value === 0 ? 'good' : many && lately > 0 && value > lately ? 'bad' : 'between',
      summary: () =>
        `The limit of ${limit} refused ${value} new connections in the last ${spellWindow(watch, windowMs)} (more than ${percent(share)} of those accepted): these clients cannot connect. ` +
        'If they are users and not a flood, raise the limit or add a host.',
      calm: () => `The limit of ${limit} no longer refuses connections.`,
    }
  })

export const replaysUnclaimed = (watch: Watch): Finding[] => {
  const { windowMs, raise, clear } = rules['replay-unclaimed']
  const value = recentSum(watch, replayKeys.unclaimed, windowMs)
  return [
    {
      rule: 'replay-unclaimed',
      subject: 'fleet',
      value,
      baseline: 0,
      verdict: verdictOf(value, raise, clear),
      summary: () =>
        `Redis did not answer or refused the claims of ${value} handshakes in the last ${spellWindow(watch, windowMs)} (limit ${raise}): ` +
        'a handshake captured at one proxy may pass at another, or clients are refused, as REPLAY_ON_REDIS_LOSS is set. ' +
        'Check Redis and the network path to it.',
      calm: () => 'Redis answers claims again.',
    },
  ]
}
