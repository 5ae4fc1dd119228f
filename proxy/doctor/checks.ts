import { clockCheck } from './clock.ts'
import { containerCheck } from './container.ts'
import { datacentersCheck } from './datacenters.ts'
import { descriptorsCheck } from './descriptors.ts'
import { diskCheck } from './disk.ts'
import type { Checks } from './examine.ts'
import { hostCheck } from './host.ts'
import { kafkaCheck } from './kafka.ts'
import { listenerCheck } from './listener.ts'
import { maskingCheck } from './masking-host.ts'
import { redisCheck } from './redis.ts'
import { runtimeCheck } from './runtime.ts'
import { settingsCheck } from './settings.ts'

/** Everything that `npm run doctor` looks at, in the order in which it is told. */
export const allChecks = {
  settings: settingsCheck,
  clock: clockCheck,
  datacenters: datacentersCheck,
  masking: maskingCheck,
  listener: listenerCheck,
  descriptors: descriptorsCheck,
  host: hostCheck,
  container: containerCheck,
  kafka: kafkaCheck,
  redis: redisCheck,
  disk: diskCheck,
  runtime: runtimeCheck,
} as const satisfies Checks
