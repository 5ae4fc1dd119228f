import { fakeMiddleProxy } from './fake-middle-proxy.ts'
import { publishedMiddleProxies } from './published-middle-proxies.ts'

/** How clients of a proxy reach their datacenter in tests that hold for both. */
export const ways = ['directly', 'through middle proxies'] as const
export type Way = (typeof ways)[number]

/** The settings of a proxy that reaches datacenter 2 so; `stack` gets the servers that they need. */
export const reachedBy = async (
  way: Way,
  stack: AsyncDisposableStack,
): Promise<Readonly<Record<string, string>>> => {
  if (way === 'directly') return {}
  const middle = stack.use(await fakeMiddleProxy())
  const { env } = stack.use(await publishedMiddleProxies({ 2: middle }, middle.secret))
  return { ...env, USE_MIDDLE_PROXY: 'true', MIDDLE_PROXY_FALLBACK: 'refuse' }
}
