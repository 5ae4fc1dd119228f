import type { Metric } from './metric.ts'

/**
 * File descriptors of this process, and counters of the kernel since boot, read at each scrape. A counter that the host
 * lacks has no series.
 */
export const hostMetrics = {
  openFds: {
    name: 'mtscope_file_descriptors_open',
    kind: 'gauge',
    unit: '1',
    labels: [],
    help: 'File descriptors open in this process.',
  },
  maxFds: {
    name: 'mtscope_file_descriptors_limit',
    kind: 'gauge',
    unit: '1',
    labels: [],
    help: 'Soft limit of file descriptors of this process.',
  },
  listenOverflows: {
    name: 'mtscope_host_listen_overflows_total',
    kind: 'counter',
    unit: '1',
    labels: [],
    help: 'Connections to any listener of this network namespace that the kernel dropped because the accept queue was full (ListenOverflows).',
  },
  packetsDropped: {
    name: 'mtscope_host_packets_dropped_total',
    kind: 'counter',
    unit: '1',
    labels: [],
    help: 'Packets that the kernel dropped before they reached a socket (softnet_stat).',
  },
  pressureSeconds: {
    name: 'mtscope_host_pressure_seconds_total',
    kind: 'counter',
    unit: 's',
    labels: ['resource'],
    help: 'Time in which at least one task of this host waited for cpu, memory or io, in seconds (PSI, some).',
  },
  cpuPeriods: {
    name: 'mtscope_cgroup_cpu_periods_total',
    kind: 'counter',
    unit: '1',
    labels: [],
    help: 'Periods of the CPU limit in which the control group ran (nr_periods); 0 without a limit.',
  },
  cpuThrottledPeriods: {
    name: 'mtscope_cgroup_cpu_throttled_periods_total',
    kind: 'counter',
    unit: '1',
    labels: [],
    help: 'Periods of the CPU limit in which the control group used it up and was stopped (nr_throttled).',
  },
  cpuThrottledSeconds: {
    name: 'mtscope_cgroup_cpu_throttled_seconds_total',
    kind: 'counter',
    unit: 's',
    labels: [],
    help: 'Time for which the CPU limit stopped the control group, in seconds over all cores (throttled_usec).',
  },
} as const satisfies Record<string, Metric>
