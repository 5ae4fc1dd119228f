import { clientsOf, slots } from '../../fold/key.ts'
import { connectionKeys } from '../../fold/projections/connections.ts'
import { rejectionKeys as r } from '../../fold/projections/rejections.ts'
import { replayKeys } from '../../fold/projections/replays.ts'
import { type Finding, labelsOf, recentSum, seenOf, spellWindow, verdictOf, type Watch } from './finding.ts'
import { rules } from './rules.ts'

/** The label that was counted most in the window, of keys `key(label)`. */
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
        `${n} handshakes were refused in the last ${spellWindow(watch, windowMs)} (${Math.round(value)} a minute, usually ${Math.round(baseline)}), mostly ${mostOf(watch, r.rejectedFor, windowMs)}. ` +
        'Somebody scans this host, or a link with an old secret is being passed round. Clients with right links are not affected.',
      calm: () => `Refused handshakes are back at ${Math.round(value)} a minute.`,
    },
  ]
}

const addresses = (n: number): string => (n === 1 ? '1 address' : `${n} addresses`)

/** Slots hit in the window, under `key(slot)`. */
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
        `${value} recorded handshakes were played back in the last ${spellWindow(watch, windowMs)}, from about ${addresses(clientsOf(slotsHit(watch, replayKeys.slot, windowMs)))}. ` +
        'Somebody who can see your users’ traffic probes what this host is. They were shown the masking host: check that MASK_HOST answers, and be ready to move.',
      calm: () => 'No more handshakes are being played back.',
    },
  ]
}

const signedAdvice: Readonly<Record<string, string>> = {
  'unknown-sni':
    'Their link is of another domain than TLS_DOMAIN: send them the new link, or put TLS_DOMAIN back.',
  'mode-off': 'MODES leaves out tls: send them a link of a mode that is on, or put tls back.',
  'unknown-dc': 'The app asks for a datacenter that the directory does not have: update mtscope.',
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
          signedAdvice[reason] ?? 'Report it with the JA4 of these hellos (Security, JA4 × outcome).'
        return (
          `${value} hellos that a user signed were refused in the last ${spellWindow(watch, windowMs)} (usually none), mostly of ${user} for ${reason}. ` +
          `This user's app cannot connect. ${advice}`
        )
      },
      calm: () => 'No more signed hellos are being refused.',
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
      ? `This host’s clock is probably ${off} s ${side === 'ahead' ? 'behind' : 'ahead'}: look at \`timedatectl\` and set it by NTP.`
      : 'Most clients agree with this host, so it is rather their clocks; have them set the time automatically.'
    return {
      rule,
      subject: `clients ${side}`,
      value: off,
      baseline: 0,
      verdict: verdict === 'bad' && distinct < clients ? 'between' : verdict,
      summary: () =>
        `Your clock or theirs is off by about ${off} s: ${n} of ${signed} signed hellos from about ${addresses(distinct)} came from clocks ${side === 'ahead' ? 'ahead of' : 'behind'} this one, and were refused. ${advice}`,
      calm: () => 'Clients’ clocks and this host’s agree again.',
    }
  })
}

export const limitsReached = (watch: Watch): Finding[] =>
  labelsOf(watch, r.refused('')).flatMap((limit) => {
    // They have their half of the places so that users have the other one: nobody misses what they are refused.
    if (limit === 'strangers') return []
    const rule = 'limit-reached'
    const { windowMs, least, share, goesOnMs } = rules[rule]
    const value = recentSum(watch, r.refused(limit), windowMs)
    const lately = recentSum(watch, r.refused(limit), goesOnMs)
    // One client tries again and again, and a burst is over before anybody could do anything.
    const many = value >= least && value > share * recentSum(watch, connectionKeys.accepted, windowMs)
    return {
      rule,
      subject: limit,
      value,
      baseline: 0,
      verdict: value === 0 ? 'good' : many && lately > 0 && value > lately ? 'bad' : 'between',
      summary: () =>
        `New connections are being refused: the limit of ${limit} is reached (${value} refused in the last ${spellWindow(watch, windowMs)}). ` +
        'If these are users and not a flood, raise the limit or add a host.',
      calm: () => `The limit of ${limit} is not reached any more.`,
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
        `Redis did not answer, or refused, for ${value} handshakes of the last ${spellWindow(watch, windowMs)}. ` +
        'A handshake captured at one proxy may pass at another meanwhile, or is refused, as REPLAY_ON_REDIS_LOSS says: look at Redis and the way to it.',
      calm: () => 'Redis answers for handshakes again.',
    },
  ]
}
