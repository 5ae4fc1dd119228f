import type { Metric } from './metric.ts'

/** Metrics of BLOCK_LISTS and ALLOW_LISTS; a part of the catalogue. They have no series without a list. */
export const networkMetrics = {
  listNetworks: {
    name: 'mtscope_list_networks',
    kind: 'gauge',
    unit: '1',
    labels: ['list'],
    help: 'Networks of BLOCK_LISTS (block) or ALLOW_LISTS (allow) in use.',
  },
  listSourcesFailed: {
    name: 'mtscope_list_sources_failed',
    kind: 'gauge',
    unit: '1',
    labels: ['list'],
    help: 'Files and URLs of the list that the last load did not get; their last content stays in use.',
  },
  listSourcesMissing: {
    name: 'mtscope_list_sources_missing',
    kind: 'gauge',
    unit: '1',
    labels: ['list'],
    help: 'Files and URLs of the list of which nothing is in use.',
  },
  listTime: {
    name: 'mtscope_list_time_seconds',
    kind: 'gauge',
    unit: 's',
    labels: ['list'],
    help: 'When the oldest content in use was loaded, in seconds since 1970.',
  },
} as const satisfies Record<string, Metric>
