import { rules } from '../../collector/alerts/rules/rules.ts'
import { metrics as p } from '../../proxy/telemetry/catalogue/catalogue.ts'
import { type AlertGroup, duration } from './rule.ts'

const stormRule = rules['rejection-storm']
const skewRule = rules['clock-skew']

/** Refused handshakes a minute; usually: over the day, or as much of it as there is, but for what happens now. */
const stormWindow = duration(stormRule.windowMs)
const rejected = `(sum(rate(${p.handshakesRejected.name}[${stormWindow}])) * 60)`
const usuallyRejected = `avg_over_time(${rejected}[1d:${stormWindow}] offset ${stormWindow})`
const skewWindow = duration(skewRule.windowMs)
const skewed = `sum by (instance) (increase(${p.handshakesRejected.name}{reason="clock-skew"}[${skewWindow}]))`
const signed = `sum by (instance) (increase(${p.handshakeSeconds.name}_count{mode="tls"}[${skewWindow}]))`

export const unauthenticated: AlertGroup = {
  name: 'mtscope-strangers',
  rules: [
    {
      alert: 'MtscopeRejectionStorm',
      rule: 'rejection-storm',
      severity: rules['rejection-storm'].severity,
      expr: [
        rejected,
        `and (sum(increase(${p.handshakesRejected.name}[${stormWindow}])) >= ${stormRule.least})`,
        `unless (${rejected} <= ${stormRule.times} * ${usuallyRejected})`,
      ].join('\n'),
      for: '2m',
      summary: '{{ $value | humanize }} handshakes a minute are refused',
      description:
        'Five times the usual: a scan, or a secret that was changed while its link is still out there. The security dashboard shows the reasons.',
    },
    {
      alert: 'MtscopeReplays',
      rule: 'replays',
      severity: rules.replays.severity,
      expr: `sum(increase(${p.replaysRefused.name}[${duration(rules.replays.windowMs)}])) >= ${rules.replays.raise}`,
      for: '0m',
      summary: '{{ $value | humanize }} replayed handshakes in ten minutes',
      description:
        'Somebody sends captured handshakes again, as censors do to find proxies. They were shown the masking host.',
    },
    {
      alert: 'MtscopeSignedRefused',
      rule: 'signed-refused',
      severity: rules['signed-refused'].severity,
      expr: `sum by (instance, reason) (increase(${p.signedRefused.name}[${duration(rules['signed-refused'].windowMs)}])) >= ${rules['signed-refused'].raise}`,
      for: '0m',
      summary: '{{ $labels.instance }} refuses hellos that a user signed: {{ $labels.reason }}',
      description:
        '{{ $value | humanize }} in ten minutes, usually none. Only a user can sign: an app with a right secret cannot connect. unknown-sni: its link is of another TLS_DOMAIN.',
    },
    {
      alert: 'MtscopeMaskingLost',
      rule: 'masking-lost',
      severity: 'warning',
      expr: `${p.maskingUp.name} == 0`,
      for: '5m',
      summary: '{{ $labels.instance }} cannot show strangers its masking host',
      description:
        'The site does not answer, or leads back to this proxy: strangers are shown a dead host, which is how a proxy is told from a site. Clients are not touched.',
    },
    {
      alert: 'MtscopeClockSkew',
      rule: 'clock-skew',
      severity: rules['clock-skew'].severity,
      // One phone tries again and again: only as a part of all who sign it says something about this host.
      expr: `(${skewed} >= ${skewRule.raise})\nunless (${skewed} <= 0.1 * ${signed})`,
      for: '0m',
      summary: '{{ $labels.instance }} refuses good clients because of the clock',
      description:
        'More than a tenth of the signed hellos are of another time: it is the clock of the host, or of many clients. Check NTP.',
    },
  ],
}
