import { rules } from '../../collector/alerts/rules/rules.ts'
import { metrics as c } from '../../collector/read/metrics.ts'
import { metrics as p } from '../../proxy/telemetry/catalogue/catalogue.ts'
import { runtimeMetrics as r } from '../../proxy/telemetry/catalogue/runtime-catalogue.ts'
import { type AlertGroup, duration } from './rule.ts'

const loopRule = rules['event-loop']
const cpuRule = rules['host-cpu']

/** The monitoring services, by their jobs in compose/docker/prometheus/prometheus.yaml. Other jobs are not ours to watch. */
export const watcherJobs = ['alertmanager', 'otelcol', 'tempo', 'grafana'] as const

export const host: AlertGroup = {
  name: 'mtscope-host',
  rules: [
    {
      alert: 'MtscopeHostCpu',
      rule: 'host-cpu',
      severity: rules['host-cpu'].severity,
      expr: `1 - avg by (instance) (rate(${r.hostCpuSeconds.name}{cpu_mode="idle"}[${duration(cpuRule.windowMs)}])) > ${cpuRule.raise / 100}`,
      for: duration(cpuRule.windowMs),
      summary: `The host CPU of {{ $labels.instance }} is at {{ $value | humanizePercentage }} (over ${duration(cpuRule.windowMs)}, limit ${cpuRule.raise} %)`,
      description:
        'Every connection may become slow. Compare with the panel Process CPU: if that is small, another program uses the host; find it with top.',
    },
    {
      alert: 'MtscopeEventLoop',
      rule: 'event-loop',
      severity: rules['event-loop'].severity,
      expr: `max by (instance, thread) (${p.loopDelaySeconds.name}{percentile="99"}) > ${loopRule.raise / 1000}`,
      for: duration(loopRule.windowMs),
      summary: `Thread {{ $labels.thread }} of {{ $labels.instance }} is {{ $value | humanizeDuration }} late (p99, limit ${loopRule.raise} ms)`,
      description:
        'Every connection on that thread waits that long at each step. Check for too few cores, a throttled container, and swapping.',
    },
    {
      alert: 'MtscopeFileDescriptors',
      rule: 'file-descriptors',
      severity: rules['file-descriptors'].severity,
      expr: `${p.openFds.name} / ${p.maxFds.name} > ${rules['file-descriptors'].raise / 100}`,
      for: '1m',
      summary: `{{ $labels.instance }} uses {{ $value | humanizePercentage }} of its file descriptors (limit ${rules['file-descriptors'].raise} %)`,
      description:
        'At 100 % it refuses connections. Raise the limit of open files (ulimits.nofile in compose, LimitNOFILE in systemd).',
    },
    {
      alert: 'MtscopeNodeSilent',
      rule: 'node-silent',
      severity: rules['node-silent'].severity,
      expr: `(up{job=~"mtscope.*"} == 0)\nor max by (fleet, subject) (${c.alertActive.name}{rule="node-silent"}) == 1`,
      for: duration(rules['node-silent'].quietMs),
      summary:
        '{{ $labels.instance }}{{ $labels.subject }} is silent: no scrape, or no events and no clean shutdown',
      description:
        'Prometheus cannot scrape it, or the collector receives no events from it: its users are cut off, or only unseen. Check its process, its host, and the network path.',
    },
    {
      alert: 'MtscopeWatcherSilent',
      rule: 'watcher-silent',
      severity: 'warning',
      expr: `up{job=~"${watcherJobs.join('|')}"} == 0`,
      for: '5m',
      summary: '{{ $labels.job }} ({{ $labels.instance }}) has not answered Prometheus for five minutes',
      description:
        'A monitoring service of the stack is down: clients are not affected, but alerts, traces or dashboards are missing. Run docker compose ps, and read the log of the service.',
    },
  ],
}
