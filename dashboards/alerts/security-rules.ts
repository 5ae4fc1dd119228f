import { rules } from '../../collector/alerts/rules/rules.ts'
import { metrics as p } from '../../proxy/telemetry/catalogue/catalogue.ts'
import { type AlertGroup, duration } from './rule.ts'

const stormRule = rules['rejection-storm']
const skewRule = rules['clock-skew']

/** Refused handshakes a minute, now and usually: the average of the day, or of its known part, before the window. */
const stormWindow = duration(stormRule.windowMs)
const rejected = `(sum(rate(${p.handshakesRejected.name}[${stormWindow}])) * 60)`
const usuallyRejected = `avg_over_time(${rejected}[1d:${stormWindow}] offset ${stormWindow})`
const skewWindow = duration(skewRule.windowMs)
const skewed = `sum by (instance) (increase(${p.handshakesRejected.name}{reason="clock-skew"}[${skewWindow}]))`
const signed = `sum by (instance) (increase(${p.handshakeSeconds.name}_count{mode="tls"}[${skewWindow}]))`

export const unauthenticated: AlertGroup = {
  name: 'mtscope-security',
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
      summary: `{{ $value | humanize }} handshakes a minute are refused (over ${stormWindow}), more than ${stormRule.times} times the usual`,
      description:
        'A scan, or a secret that was changed while its old link is in use; clients with a valid link are not affected. If the panel Refused handshakes by reason of the dashboard Security shows unknown-user, send the new link; a scan needs no action.',
    },
    {
      alert: 'MtscopeReplays',
      rule: 'replays',
      severity: rules.replays.severity,
      expr: `sum(increase(${p.replaysRefused.name}[${duration(rules.replays.windowMs)}])) >= ${rules.replays.raise}`,
      for: '0m',
      summary: `{{ $value | humanize }} recorded handshakes were replayed in the last ${duration(rules.replays.windowMs)}`,
      description:
        'An observer sends captured handshakes again, as censors do to find proxies; the masking host was shown. Check that MASK_HOST answers, and have another PUBLIC_HOST or MTPROTO_PORT ready.',
    },
    {
      alert: 'MtscopeSignedRefused',
      rule: 'signed-refused',
      severity: rules['signed-refused'].severity,
      expr: `sum by (instance, reason) (increase(${p.signedRefused.name}[${duration(rules['signed-refused'].windowMs)}])) >= ${rules['signed-refused'].raise}`,
      for: '0m',
      summary: `{{ $labels.instance }} refused {{ $value | humanize }} signed hellos in the last ${duration(rules['signed-refused'].windowMs)} for {{ $labels.reason }}`,
      description:
        'Usually none. An app with a valid secret cannot connect. unknown-sni: send the new link, or restore TLS_DOMAIN; the runbook has the step for each reason.',
    },
    {
      alert: 'MtscopeMaskingLost',
      rule: 'masking-lost',
      severity: 'warning',
      expr: `${p.maskingUp.name} == 0`,
      for: '5m',
      summary:
        'The masking host of {{ $labels.instance }} for {{ $labels.domain }} has not answered for five minutes',
      description:
        'The site does not answer, or leads back to this proxy: probes find a dead host, by which they can recognise a proxy. Users are not affected. Run npm run doctor -- --only masking.',
    },
    {
      alert: 'MtscopeClockSkew',
      rule: 'clock-skew',
      severity: rules['clock-skew'].severity,
      // One phone retries often: only as a share of all signed hellos it points to the clock of this host.
      expr: `(${skewed} >= ${skewRule.raise})\nunless (${skewed} <= 0.1 * ${signed})`,
      for: '0m',
      summary: `{{ $labels.instance }} refused {{ $value | humanize }} valid clients in the last ${skewWindow} because of the clock`,
      description:
        'More than a tenth of the signed hellos carry another time: these clients cannot connect. The clock of this host is wrong, or those of many clients: check NTP with timedatectl.',
    },
  ],
}
