import type { Metric } from './metric.ts'

/**
 * What the kernel has left for this process, and what it took away. Counters since boot, read at each scrape; one that
 * the host does not have is not there.
 */
export const hostMetrics = {
  openFds: {
    name: 'mtscope_file_descriptors_open',
    kind: 'gauge',
    unit: '1',
    labels: [],
    help: 'File descriptors open in this process',
  },
  maxFds: {
    name: 'mtscope_file_descriptors_limit',
    kind: 'gauge',
    unit: '1',
    labels: [],
    help: 'The soft limit of file descriptors',
  },
  listenOverflows: {
    name: 'mtscope_host_listen_overflows_total',
    kind: 'counter',
    unit: '1',
    labels: [],
    help: 'Connects to any listener of this network that were dropped because nobody accepted them in time (ListenOverflows)',
  },
  packetsDropped: {
    name: 'mtscope_host_packets_dropped_total',
    kind: 'counter',
    unit: '1',
    labels: [],
    help: 'Packets dropped before any socket saw them (softnet_stat)',
  },
  pressureSeconds: {
    name: 'mtscope_host_pressure_seconds_total',
    kind: 'counter',
    unit: 's',
    labels: ['resource'],
    help: 'Time in which somebody on this host waited for cpu, memory or io (PSI, some)',
  },
  cpuPeriods: {
    name: 'mtscope_cgroup_cpu_periods_total',
    kind: 'counter',
    unit: '1',
    labels: [],
    help: 'Periods of the CPU limit in which the control group ran (nr_periods); 0 without a limit',
  },
  cpuThrottledPeriods: {
    name: 'mtscope_cgroup_cpu_throttled_periods_total',
    kind: 'counter',
    unit: '1',
    labels: [],
    help: 'Those of them in which the limit was used up and the group was stopped (nr_throttled)',
  },
  cpuThrottledSeconds: {
    name: 'mtscope_cgroup_cpu_throttled_seconds_total',
    kind: 'counter',
    unit: 's',
    labels: [],
    help: 'For how long it was stopped by the limit, all cores together (throttled_usec)',
  },
} as const satisfies Record<string, Metric>
