import { rules } from '../../collector/alerts/rules/rules.ts'
import { metrics as p } from '../../proxy/telemetry/catalogue/catalogue.ts'
import { type AlertGroup, duration } from './rule.ts'

const slowRule = rules['datacenter-slow']

/** Twice the window of the collector's rule. */
const slowWindow = duration(2 * slowRule.windowMs)
const median = (window: string): string =>
  `histogram_quantile(0.5, sum by (instance, dc, family, media, le) (rate(${p.datacenterSeconds.name}_bucket[${window}])))`
const probes = `sum by (instance, dc, family, media) (increase(${p.datacenterSeconds.name}_count[${slowWindow}]))`
/** A family that has not worked for a day while another has is one this host does not have. */
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
        'No address has answered a probe for two minutes: accounts that live there cannot connect. If other nodes reach it, it is the way from this host.',
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
      summary:
        'Datacenter {{ $labels.dc }} ({{ $labels.family }}) takes {{ $value | humanizeDuration }}, twice its usual time, from {{ $labels.instance }}',
      description:
        'The median of resPQ round trips over ten minutes is more than twice that of the day and 100 ms above it: the way from this host, or the datacenter itself.',
    },
  ],
}
