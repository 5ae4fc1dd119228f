import { isIP } from 'node:net'
import type { Preference } from '../datacenter/directory.ts'
import { dialable, type LookUp, lookUpAll, namesOf, watchDatacenters } from '../datacenter/resolve.ts'
import { watchUpstreams } from '../datacenter/watch-upstreams.ts'
import type { Emit } from '../events/contract.ts'
import type { Changeable } from '../relay/settings.ts'
import type { ProxyOptions } from './running-proxy.ts'

export type WaysOut = {
  /** What relay threads start with. */
  readonly initial: Pick<Changeable, 'directory' | 'upstreams'>
  /** Probes datacenters, through each upstream, until `signal`. */
  watch(): void
}

/** The addresses of a name in the order of PREFER_IPV6: the first one is dialed. */
const preferring =
  (preference: Preference): LookUp =>
  async (name) => {
    const found = await lookUpAll(name)
    const six = found.filter((address) => isIP(address) === 6)
    const four = found.filter((address) => isIP(address) === 4)
    if (preference === 'auto') return found
    return preference === 'no' ? [...four, ...six] : preference === 'yes' ? [...six, ...four] : six
  }

/** Looks up datacenters and upstreams. Later changes go to `change`. */
export const findWaysOut = async (
  { config, logger }: ProxyOptions,
  emit: Emit,
  signal: AbortSignal,
  change: (changed: Partial<Changeable>) => void,
): Promise<WaysOut> => {
  const { datacenters, upstreams: settings, preferIpv6: preference } = config
  const intervalMs = config.probeIntervalMs
  const names = namesOf(datacenters, logger, preferring(preference))
  const directory = await names.look()
  const common = { preference, intervalMs, emit, now: Date.now, signal }
  const upstreams =
    settings &&
    (await watchUpstreams({ ...common, settings, logger, changed: (upstreams) => change({ upstreams }) }))
  return {
    initial: { directory: dialable(directory, preference), upstreams: upstreams?.states ?? null },
    watch: () =>
      void watchDatacenters({
        ...common,
        names,
        directory,
        changed: (directory) => change({ directory }),
        ...(upstreams ? { startProbes: upstreams.startProbes } : {}),
      }),
  }
}
