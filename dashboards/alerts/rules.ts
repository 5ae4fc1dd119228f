import { objective } from './budget-rules.ts'
import { datacenters } from './datacenter-rules.ts'
import { host } from './host-rules.ts'
import { pipeline } from './pipeline-rules.ts'
import type { AlertGroup } from './rule.ts'
import { unauthenticated } from './security-rules.ts'
import { traffic } from './traffic-rules.ts'

/** Every Prometheus alerting rule of mtscope. */
export const alertGroups: readonly AlertGroup[] = [
  objective,
  datacenters,
  traffic,
  unauthenticated,
  host,
  pipeline,
]
