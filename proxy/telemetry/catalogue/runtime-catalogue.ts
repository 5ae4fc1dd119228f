import type { Metric } from './metric.ts'

/**
 * What OpenTelemetry's own instrumentations tell of this process and host, under their names as Prometheus sees them.
 * Only the main thread's event loop is in it: that of each thread is in `catalogue.ts`.
 */
export const runtimeMetrics = {
  processCpuSeconds: {
    name: 'process_cpu_time_total',
    kind: 'counter',
    unit: 's',
    labels: ['cpu_mode'],
    help: 'CPU time of the process, all threads',
  },
  processMemoryBytes: {
    name: 'process_memory_usage',
    kind: 'gauge',
    unit: 'By',
    labels: [],
    help: 'Resident set size',
  },
  hostCpuSeconds: {
    name: 'system_cpu_time_total',
    kind: 'counter',
    unit: 's',
    labels: ['cpu_mode', 'cpu_logical_number'],
    help: 'CPU time of the host, each core',
  },
  hostMemoryBytes: {
    name: 'system_memory_usage',
    kind: 'gauge',
    unit: 'By',
    labels: ['system_memory_state'],
    help: 'Memory of the host',
  },
  heapUsedBytes: {
    name: 'v8js_memory_heap_used',
    kind: 'gauge',
    unit: 'By',
    labels: ['v8js_heap_space_name'],
    help: 'Heap of the main thread',
  },
  gcSeconds: {
    name: 'v8js_gc_duration',
    kind: 'histogram',
    unit: 's',
    labels: ['v8js_gc_type'],
    help: 'Garbage collections of the main thread',
  },
  mainLoopUtilization: {
    name: 'nodejs_eventloop_utilization',
    kind: 'gauge',
    unit: '1',
    labels: [],
    help: 'Share of time the main thread’s event loop was busy since the last scrape',
  },
  mainLoopSeconds: {
    name: 'nodejs_eventloop_time_total',
    kind: 'counter',
    unit: 's',
    labels: ['nodejs_eventloop_state'],
    help: 'Time the main thread’s event loop was active or idle',
  },
} as const satisfies Record<string, Metric>
