import type { Config } from '../config/config.ts'
import { lookUpAll } from '../datacenter/resolve.ts'
import { isReady, type Upstream } from '../datacenter/upstream.ts'
import { resolveUpstream } from '../datacenter/upstream-resolve.ts'

/** The upstream through which the doctor asks datacenters; null: from this host, as its routes have it. */
export const wayOut = async ({ upstreams }: Pick<Config, 'upstreams'>): Promise<Upstream | null> => {
  if (upstreams === null || upstreams.some(({ kind }) => kind === 'direct')) return null
  const found = await Promise.all(upstreams.map((setting) => resolveUpstream(setting, lookUpAll)))
  return found.find(isReady) ?? null
}
