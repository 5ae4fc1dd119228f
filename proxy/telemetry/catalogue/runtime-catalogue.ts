import type { Metric } from './metric.ts'

/**
 * Metrics of OpenTelemetry's own instrumentations, as far as panels use them, with their names as Prometheus stores them.
 * The event loop here is the main thread's; that of each thread is in `catalogue.ts`.
 */
export const runtimeMetrics = {
  processCpuSeconds: {
    name: 'process_cpu_time_total',
    kind: 'counter',
    unit: 's',
    labels: ['cpu_mode'],
    help: 'CPU time of the process over all threads, in seconds.',
  },
  processMemoryBytes: {
    name: 'process_memory_usage',
    kind: 'gauge',
    unit: 'By',
    labels: [],
    help: 'Resident memory of the process, in bytes.',
  },
  hostCpuSeconds: {
    name: 'system_cpu_time_total',
    kind: 'counter',
    unit: 's',
    labels: ['cpu_mode', 'cpu_logical_number'],
    help: 'CPU time of the host per core, in seconds.',
  },
  hostMemoryBytes: {
    name: 'system_memory_usage',
    kind: 'gauge',
    unit: 'By',
    labels: ['system_memory_state'],
    help: 'Memory of the host by state, in bytes.',
  },
  heapUsedBytes: {
    name: 'v8js_memory_heap_used',
    kind: 'gauge',
    unit: 'By',
    labels: ['v8js_heap_space_name'],
    help: 'Used heap of the main thread by space, in bytes.',
  },
  gcSeconds: {
    name: 'v8js_gc_duration',
    kind: 'histogram',
    unit: 's',
    labels: ['v8js_gc_type'],
    help: 'Duration of garbage collections in the main thread, in seconds.',
  },
  mainLoopUtilization: {
    name: 'nodejs_eventloop_utilization',
    kind: 'gauge',
    unit: '1',
    labels: [],
    help: 'Share of time since the last scrape in which the main thread’s event loop was busy, from 0 to 1.',
  },
  mainLoopSeconds: {
    name: 'nodejs_eventloop_time_total',
    kind: 'counter',
    unit: 's',
    labels: ['nodejs_eventloop_state'],
    help: 'Time in which the main thread’s event loop was active or idle, in seconds.',
  },
} as const satisfies Record<string, Metric>
