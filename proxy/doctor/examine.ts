import { type About, type Area, type Check, type Finding, finding, reasonOf } from './finding.ts'

/** The checks of each area; an area's answer is one promise, so that a slow one keeps no other waiting. */
export type Checks = Partial<Record<Area, Check>>

const limitMs = 9_000

/** Runs all checks at once, for `limit` ms at most: what has not answered by then is unknown. Never rejects. */
export const examine = async (
  checks: Checks,
  about: Omit<About, 'signal'>,
  options: { readonly limit?: number; readonly signal?: AbortSignal } = {},
): Promise<readonly Finding[]> => {
  const { limit = limitMs, signal: outer } = options
  const over = new AbortController()
  const signal = outer ? AbortSignal.any([outer, over.signal]) : over.signal
  const late = Promise.withResolvers<'late'>()
  const timer = setTimeout(() => late.resolve('late'), limit)
  const stop = (): void => late.resolve('late')
  outer?.addEventListener('abort', stop, { once: true })

  const one = async ([area, check]: [Area, Check]): Promise<readonly Finding[]> => {
    try {
      const found = await Promise.race([check({ ...about, signal }), late.promise])
      if (found !== 'late') return found
      return [finding(`${area}.time`, 'unknown', `did not answer within ${limit / 1_000} s`)]
    } catch (error) {
      return [finding(`${area}.error`, 'unknown', `could not be looked at: ${reasonOf(error)}`)]
    }
  }
  const found = await Promise.all((Object.entries(checks) as [Area, Check][]).map(one))
  clearTimeout(timer)
  outer?.removeEventListener('abort', stop)
  over.abort()
  return found.flat()
}
