import { rules } from '../../collector/alerts/rules/rules.ts'
import { metrics as p } from '../../proxy/telemetry/catalogue/catalogue.ts'
import { type AlertGroup, duration } from './rule.ts'

const slowRule = rules['datacenter-slow']

/** Twice the window of the collector's rule. */
const slowWindow = duration(2 * slowRule.windowMs)
const median = (window: string): string =>
  `histogram_quantile(0.5, sum by (instance, dc, family, media, le) (rate(${p.datacenterSeconds.name}_bucket[${window}])))`
const probes = `sum by (instance, dc, family, media) (increase(${p.datacenterSeconds.name}_count[${slowWindow}]))`
/** A family that has not worked for a day while the other one has: this host does not have it. */
const familyMissing = `(max by (instance, family) (max_over_time(${p.datacenterUp.name}[1d])) == 0) and on (instance) (max by (instance) (max_over_time(${p.datacenterUp.name}[1d])) == 1)`

export const datacenters: AlertGroup = {
  name: 'mtscope-datacenters',
  rules: [
    {
      alert: 'MtscopeDatacenterDown',
      rule: 'datacenter-down',
      severity: rules['datacenter-down'].severity,
      expr: `${p.datacenterUp.name} == 0\nunless on (instance, family) (${familyMissing})`,
      for: '2m',
      summary:
        'Datacenter {{ $labels.dc }} ({{ $labels.family }}, media: {{ $labels.media }}) does not answer {{ $labels.instance }}',
      description:
        'No address has answered a probe for two minutes: accounts at home there cannot connect through this node. If other nodes reach it, check the route from this host; otherwise wait.',
    },
    {
      alert: 'MtscopeUpstreamDown',
      rule: 'upstream-down',
      severity: rules['upstream-down'].severity,
      expr: `${p.upstreamUp.name} == 0`,
      for: '2m',
      summary:
        'Upstream {{ $labels.upstream }} of {{ $labels.instance }} carries no connection to any datacenter',
      description:
        'No dial or probe through it has reached a datacenter for two minutes: clients take the other upstreams of UPSTREAMS; without any that works, none can connect. The panel Upstream failures has the error.',
    },
    {
      alert: 'MtscopeMiddleProxiesAway',
      rule: 'middle-proxies-away',
      severity: rules['middle-proxies-away'].severity,
      expr: `max by (instance, dc, media) (${p.middleProxyUp.name}) == 0`,
      for: '2m',
      summary:
        'No middle proxy of datacenter {{ $labels.dc }} (media: {{ $labels.media }}) answers {{ $labels.instance }}',
      description:
        'None has answered a probe for two minutes: clients there go directly and see no sponsored channel, or are refused with MIDDLE_PROXY_FALLBACK=refuse. If those of every datacenter are away, check that PUBLIC_HOST is the address that Telegram sees, the clock and the firewall; otherwise wait.',
    },
    {
      alert: 'MtscopeDatacenterSlow',
      rule: 'datacenter-slow',
      severity: rules['datacenter-slow'].severity,
      expr: [
        `(${median(slowWindow)} > ${slowRule.raise} * ${median('1d')})`,
        `and (${median(slowWindow)} - ${median('1d')} > ${slowRule.raiseMs / 1000})`,
        `and (${probes} >= ${slowRule.least})`,
      ].join('\n'),
      for: '5m',
      summary: `A round trip from {{ $labels.instance }} to datacenter {{ $labels.dc }} ({{ $labels.family }}) takes {{ $value | humanizeDuration }}, more than ${slowRule.raise} times the usual`,
      description: `The median of resPQ round trips over ${slowWindow} is more than ${slowRule.raise} times that of the day and ${slowRule.raiseMs} ms above it: users notice slow loading. If every datacenter is slow, check the uplink of this host; if only this one is, check the route to it.`,
    },
  ],
}
