import type { Config } from '../../config/config.ts'
import { maxFds } from '../../host/proc.ts'
import { type Check, finding } from '../finding.ts'

/** Descriptors for HTTP, probes and the files of the event log. */
const spare = 32
/** With room for fewer connections than this, the verdict is fail. */
const fewestConnections = 1_000

/** How many connections fit the file descriptors: each takes two, and pooled connections at most a quarter of all. */
export const connectionsFor = (
  { poolSize, datacenters, workers }: Pick<Config, 'poolSize' | 'datacenters' | 'workers'>,
  limit: number,
  open: number,
): number => {
  const free = limit - open - spare - 8 * workers
  return Math.max(1, Math.floor((free - Math.min(free / 4, poolSize * datacenters.size)) / 2))
}

/** Descriptors that a proxy without clients has open, approximately. */
const idle = 64

export const descriptorsCheck: Check = ({ config, live }) => {
  const limit = live?.maxFds || maxFds()
  const id = 'descriptors.limit'
  if (limit === 0) return [finding(id, 'unknown', 'cannot read the limit of open files on this system')]
  // Descriptors of connections do not count as used.
  const most = connectionsFor(config, limit, Math.min(live?.openFds ?? idle, idle))
  const whose = live === null ? 'in this shell (a unit may have another limit)' : 'in the running proxy'
  const wanted = 2 ** Math.ceil(Math.log2(2.5 * config.maxConnections))
  const numbers = {
    limit,
    connections: most,
    MAX_CONNECTIONS: config.maxConnections,
    ...(live === null ? {} : { open: live.openFds }),
  }
  const advice = `set nofile=${wanted} (ulimits in compose.yaml, LimitNOFILE= of systemd, ulimit -n), or MAX_CONNECTIONS=${Math.min(most, config.maxConnections)}`
  const states = `${limit} open files ${whose} are enough for ${Math.min(most, config.maxConnections)} connections`
  if (most >= config.maxConnections) return [finding(id, 'ok', states, { numbers })]
  return [
    finding(
      id,
      most < fewestConnections ? 'fail' : 'warn',
      `${states}, fewer than MAX_CONNECTIONS=${config.maxConnections}: the proxy refuses more`,
      { advice, numbers },
    ),
  ]
}
