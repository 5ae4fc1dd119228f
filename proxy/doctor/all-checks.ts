import { clockCheck } from './checks/clock.ts'
import { containerCheck } from './checks/container.ts'
import { datacentersCheck } from './checks/datacenters.ts'
import { descriptorsCheck } from './checks/descriptors.ts'
import { diskCheck } from './checks/disk.ts'
import { hostCheck } from './checks/host.ts'
import { kafkaCheck } from './checks/kafka.ts'
import { listenerCheck } from './checks/listener.ts'
import { maskingCheck } from './checks/masking-host.ts'
import { middleProxiesCheck } from './checks/middle-proxies.ts'
import { redisCheck } from './checks/redis.ts'
import { runtimeCheck } from './checks/runtime.ts'
import { settingsCheck } from './checks/settings.ts'
import { upstreamsCheck } from './checks/upstreams.ts'
import { usersCheck } from './checks/users.ts'
import type { Checks } from './examine.ts'

/** The checks of `mtscope doctor`, in the order of its output. */
export const allChecks = {
  settings: settingsCheck,
  clock: clockCheck,
  datacenters: datacentersCheck,
  upstreams: upstreamsCheck,
  'middle-proxies': middleProxiesCheck,
  masking: maskingCheck,
  listener: listenerCheck,
  descriptors: descriptorsCheck,
  host: hostCheck,
  container: containerCheck,
  users: usersCheck,
  kafka: kafkaCheck,
  redis: redisCheck,
  disk: diskCheck,
  runtime: runtimeCheck,
} as const satisfies Checks
