import { rules } from '../../collector/alerts/rules/rules.ts'
import { metrics as c } from '../../collector/read/metrics.ts'
import { metrics as p } from '../../proxy/telemetry/catalogue/catalogue.ts'
import { runtimeMetrics as r } from '../../proxy/telemetry/catalogue/runtime-catalogue.ts'
import { type AlertGroup, duration } from './rule.ts'

const loopRule = rules['event-loop']
const cpuRule = rules['host-cpu']

/** What watches and shows, as the jobs of compose/docker/prometheus/prometheus.yaml are named. Other jobs are not ours to judge. */
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
      for: duration(rules['node-silent'].quietMs),
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
