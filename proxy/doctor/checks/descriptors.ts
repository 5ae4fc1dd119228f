import type { Config } from '../../config/config.ts'
import { maxFds } from '../../host/proc.ts'
import { type Check, finding } from '../finding.ts'

/** Descriptors for what comes and goes beside connections: HTTP, probes, the log's files. */
const spare = 32
/** Fewer are too few for any proxy that somebody uses. */
const fewest = 1_000

/** How many connections the file descriptors are enough for: each takes two, and warm sockets at most a quarter of all. */
export const connectionsFor = (
  { poolSize, datacenters, workers }: Pick<Config, 'poolSize' | 'datacenters' | 'workers'>,
  limit: number,
  open: number,
): number => {
  const free = limit - open - spare - 8 * workers
  return Math.max(1, Math.floor((free - Math.min(free / 4, poolSize * datacenters.size)) / 2))
}

/** Descriptors open in a proxy without clients, more or less. */
const idle = 64

export const descriptorsCheck: Check = ({ config, live }) => {
  const limit = live?.maxFds || maxFds()
  const id = 'descriptors.limit'
  if (limit === 0) return [finding(id, 'unknown', 'this system does not tell the limit of open files')]
  // What connections take is theirs.
  const most = connectionsFor(config, limit, Math.min(live?.openFds ?? idle, idle))
  const whose = live === null ? 'here (of this shell; a service may have another)' : 'in the running proxy'
  const wanted = 2 ** Math.ceil(Math.log2(2.5 * config.maxConnections))
  const numbers = {
    limit,
    connections: most,
    MAX_CONNECTIONS: config.maxConnections,
    ...(live === null ? {} : { open: live.openFds }),
  }
  const advice = `nofile=${wanted} (ulimits in compose.yaml, LimitNOFILE= of systemd, ulimit -n), or MAX_CONNECTIONS=${Math.min(most, config.maxConnections)}`
  const states = `${limit} open files ${whose} are enough for ${Math.min(most, config.maxConnections)} clients`
  if (most >= config.maxConnections) return [finding(id, 'ok', states, { numbers })]
  return [
    finding(
      id,
      most < fewest ? 'fail' : 'warn',
      `${states}, not for MAX_CONNECTIONS=${config.maxConnections}`,
      { advice, numbers },
    ),
  ]
}
