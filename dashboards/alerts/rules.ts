import { rules } from '../../collector/alerts/rules/rules.ts'
import { metrics as c } from '../../collector/read/metrics.ts'
import { silentMs } from '../../collector/read/nodes.ts'
import { clientPhases, orderlyReasons, stallPhases } from '../../proxy/events/outcome.ts'
import { metrics as p } from '../../proxy/telemetry/catalogue/catalogue.ts'
import { runtimeMetrics as r } from '../../proxy/telemetry/catalogue/runtime-catalogue.ts'
import { burn, failedIn } from '../builder/sli.ts'
import { pipeline } from './pipeline-rules.ts'
import { type AlertGroup, duration } from './rule.ts'

const dropRule = rules['connection-drops']
const stallRule = rules['stalled-sessions']
const slowRule = rules['datacenter-slow']
const limitRule = rules['limit-reached']
const stormRule = rules['rejection-storm']
const skewRule = rules['clock-skew']
const loopRule = rules['event-loop']
const cpuRule = rules['host-cpu']

const ended = `phase=~"${clientPhases.join('|')}"`
const drop = `${ended},reason!~"${orderlyReasons.join('|')}"`
const stall = `phase=~"${stallPhases.join('|')}",reason="stalled"`
/** `window` is of the form `[5m]`, an `offset` after it. */
const closed = (where: string, window: string): string =>
  `sum by (dc) (increase(${p.connectionsClosed.name}{${where}}${window}))`
const shareOfEnded = (where: string, window: string): string =>
  `${closed(where, window)} / ${closed(ended, window)}`
const dropWindow = duration(dropRule.windowMs)
/** The share of drops of the day before the window: what happens now is not yet the usual. */
const usualDrops = `(${shareOfEnded(drop, `[1d] offset ${dropWindow}`)})`
const drops = shareOfEnded(drop, `[${dropWindow}]`)
const stallWindow = `[${duration(stallRule.windowMs)}]`

/** So many must have waited in vain, whatever share of all it is: one slow answer of a quiet night is 3 %. */
const leastFailed = 10

/** Burn-rate pairs of the SRE workbook: the long window says that it matters, the short one that it still goes on. */
const burning = (long: string, short: string, times: number): string =>
  [`${burn(long)} > ${times}`, `${burn(short)} > ${times}`, `${failedIn(long)} >= ${leastFailed}`].join(
    '\nand ',
  )

const objective: AlertGroup = {
  name: 'mtscope-objective',
  rules: (
    [
      ['Fast', '1h', '5m', 14.4, 'critical', '2 % of the budget of 30 days in an hour'],
      ['Steady', '6h', '30m', 6, 'critical', '5 % of the budget of 30 days in six hours'],
      ['Slow', '3d', '6h', 1, 'warning', 'as much as there is to last for 30 days'],
    ] as const
  ).map(([speed, long, short, times, severity, means]) => ({
    alert: `MtscopeBudgetBurns${speed}`,
    rule: 'error-budget',
    severity,
    expr: burning(long, short, times),
    for: '1m',
    summary: `Too few people are answered within two seconds: the error budget burns ${times} times too fast`,
    description: `{{ $value | humanize }} times the allowed rate over ${long} and ${short}: ${means}; at least ${leastFailed} sessions of the ${long} waited in vain. Look at the stage funnel of the overview for where sessions end.`,
  })),
}

/** Twice the window of the collector's rule. */
const slowWindow = duration(2 * slowRule.windowMs)
const median = (window: string): string =>
  `histogram_quantile(0.5, sum by (instance, dc, family, media, le) (rate(${p.datacenterSeconds.name}_bucket[${window}])))`
const probes = `sum by (instance, dc, family, media) (increase(${p.datacenterSeconds.name}_count[${slowWindow}]))`
/** A family that has not worked for a day while another has is one this host does not have. */
const familyMissing = `(max by (instance, family) (max_over_time(${p.datacenterUp.name}[1d])) == 0) and on (instance) (max by (instance) (max_over_time(${p.datacenterUp.name}[1d])) == 1)`

const datacenters: AlertGroup = {
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

/** Strangers have half of the places, so that users have the other: that they are refused harms nobody. */
const refusedIn = (window: string): string =>
  `sum by (instance, limit) (increase(${p.limitRefused.name}{limit!="strangers"}${window}))`
const refusedWindow = duration(limitRule.windowMs)
const refused = refusedIn(`[${refusedWindow}]`)
/** Twice the collector's `goesOnMs`. */
const latelyMs = 2 * limitRule.goesOnMs
/** Lately and before that: a burst is never in both. */
const goesOn = `(${refusedIn(`[${duration(latelyMs)}]`)} > 0) and (${refusedIn(`[${duration(limitRule.windowMs - latelyMs)}] offset ${duration(latelyMs)}`)} > 0)`
const came = `sum by (instance) (increase(${p.connectionsAccepted.name}[${refusedWindow}]))`

const traffic: AlertGroup = {
  name: 'mtscope-traffic',
  rules: [
    {
      alert: 'MtscopeConnectionDrops',
      rule: 'connection-drops',
      severity: rules['connection-drops'].severity,
      // Three times the usual, but half of the way to everything where a lot is usual; where nothing is known, 0 is.
      expr: [
        `(${drops} > ${dropRule.raise})`,
        `and (${closed(drop, `[${dropWindow}]`)} >= ${dropRule.least})`,
        `unless ((${drops} <= ${dropRule.times} * ${usualDrops}) and (${drops} <= (1 + ${usualDrops}) / 2))`,
      ].join('\n'),
      for: '1m',
      summary: '{{ $value | humanizePercentage }} of the sessions to datacenter {{ $labels.dc }} are dropped',
      description:
        'More than a quarter, and three times the usual. The close causes on the overview say who ends them, in which phase and why.',
    },
    {
      alert: 'MtscopeStalledSessions',
      rule: 'stalled-sessions',
      severity: rules['stalled-sessions'].severity,
      expr: `(${shareOfEnded(stall, stallWindow)} > ${stallRule.raise})\nand (${closed(stall, stallWindow)} >= ${stallRule.least})`,
      for: '1m',
      summary: '{{ $value | humanizePercentage }} of the sessions to datacenter {{ $labels.dc }} stall',
      description: 'The client sent and nothing came down: people see endless connecting.',
    },
    {
      alert: 'MtscopeLimitReached',
      rule: 'limit-reached',
      severity: 'warning',
      // The last refusal is seen for five minutes: longer means that there was another.
      expr: `${refused} > 0`,
      for: '6m',
      summary: '{{ $labels.instance }} refuses connections now and again: {{ $labels.limit }}',
      description:
        'A limit is reached at times and some clients are turned away at the door. Raise MAX_CONNECTIONS, MAX_HANDSHAKES or the limit of open files, or add a node.',
    },
    {
      alert: 'MtscopeClientsRefused',
      rule: 'limit-reached',
      severity: rules['limit-reached'].severity,
      // Thirty in five minutes may be one client that tries again: only as a part of all who come it says that it is full.
      expr: `((${refused} >= ${limitRule.least}) and ${goesOn})\nunless (${refused} <= on (instance) group_left ${limitRule.share} * ${came})`,
      for: '1m',
      summary:
        '{{ $labels.instance }} is full: {{ $value | humanize }} clients refused in five minutes ({{ $labels.limit }})',
      description:
        'More than one in twenty is turned away at the door, and it goes on. Raise MAX_CONNECTIONS, MAX_HANDSHAKES or the limit of open files, or add a node.',
    },
  ],
}

/** Refused handshakes a minute; usually: over the day, or as much of it as there is, but for what happens now. */
const stormWindow = duration(stormRule.windowMs)
const rejected = `(sum(rate(${p.handshakesRejected.name}[${stormWindow}])) * 60)`
const usuallyRejected = `avg_over_time(${rejected}[1d:${stormWindow}] offset ${stormWindow})`
const skewWindow = duration(skewRule.windowMs)
const skewed = `sum by (instance) (increase(${p.handshakesRejected.name}{reason="clock-skew"}[${skewWindow}]))`
const signed = `sum by (instance) (increase(${p.handshakeSeconds.name}_count{mode="tls"}[${skewWindow}]))`

const unauthenticated: AlertGroup = {
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

/** What watches and shows, as the jobs of compose/docker/prometheus/prometheus.yaml are named. Other jobs are not ours to judge. */
export const watcherJobs = ['alertmanager', 'otelcol', 'tempo', 'grafana'] as const

const host: AlertGroup = {
  name: 'mtscope-host',
  rules: [
    {
      alert: 'MtscopeHostCpu',
      rule: 'host-cpu',
      severity: rules['host-cpu'].severity,
      expr: `1 - avg by (instance) (rate(${r.hostCpuSeconds.name}{cpu_mode="idle"}[${duration(cpuRule.windowMs)}])) > ${cpuRule.raise / 100}`,
      for: duration(cpuRule.windowMs),
      summary: 'The host of {{ $labels.instance }} is busy: {{ $value | humanizePercentage }}',
      description:
        'Compare with the CPU of the process: if that is small, something else on the host takes it.',
    },
    {
      alert: 'MtscopeEventLoop',
      rule: 'event-loop',
      severity: rules['event-loop'].severity,
      expr: `max by (instance, thread) (${p.loopDelaySeconds.name}{percentile="99"}) > ${loopRule.raise / 1000}`,
      for: duration(loopRule.windowMs),
      summary:
        'Thread {{ $labels.thread }} of {{ $labels.instance }} answers late: {{ $value | humanizeDuration }}',
      description:
        'p99 of its event loop. Everyone on that thread waits as long: too few cores, a throttled container, or swapping.',
    },
    {
      alert: 'MtscopeFileDescriptors',
      rule: 'file-descriptors',
      severity: rules['file-descriptors'].severity,
      expr: `${p.openFds.name} / ${p.maxFds.name} > ${rules['file-descriptors'].raise / 100}`,
      for: '1m',
      summary: '{{ $labels.instance }} has used {{ $value | humanizePercentage }} of its file descriptors',
      description:
        'At the limit it refuses connections. Raise the limit of open files (ulimits.nofile in compose, LimitNOFILE in systemd).',
    },
    {
      alert: 'MtscopeNodeSilent',
      rule: 'node-silent',
      severity: rules['node-silent'].severity,
      expr: `(up{job=~"mtscope.*"} == 0)\nor max by (fleet, subject) (${c.alertActive.name}{rule="node-silent"}) == 1`,
      for: duration(silentMs),
      summary: '{{ $labels.instance }}{{ $labels.subject }} is silent',
      description:
        'Prometheus cannot scrape it, or the collector hears no facts from it: the process, its host, or the way there is gone.',
    },
    {
      alert: 'MtscopeWatcherSilent',
      rule: 'watcher-silent',
      severity: 'warning',
      expr: `up{job=~"${watcherJobs.join('|')}"} == 0`,
      for: '5m',
      summary: '{{ $labels.job }} ({{ $labels.instance }}) does not answer',
      description:
        'A part of the stack that only watches is gone, for five minutes: clients are not touched, but alerts, traces or dashboards are missing.',
    },
  ],
}

/** Every alerting rule that mtscope ships for Prometheus. */
export const alertGroups: readonly AlertGroup[] = [
  objective,
  datacenters,
  traffic,
  unauthenticated,
  host,
  pipeline,
]
