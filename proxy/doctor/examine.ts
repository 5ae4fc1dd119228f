import { type About, type Area, type Check, type Finding, finding, reasonOf } from './finding.ts'

/** One check per area, so that no area waits for another. */
export type Checks = Partial<Record<Area, Check>>

const limitMs = 9_000

/**
 * Runs all checks in parallel, for `limit` ms at most; an area that has not answered by then, or that throws, is one finding
 * with the verdict unknown. Never rejects.
 */
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
      return [
        finding(`${area}.time`, 'unknown', `the check did not finish within ${limit / 1_000} s`, {
          advice: `run mtscope doctor --only ${area} again`,
        }),
      ]
    } catch (error) {
      return [
        finding(`${area}.error`, 'unknown', `the check failed: ${reasonOf(error)}`, {
          advice: 'fix the cause, or report it as a bug of mtscope doctor',
        }),
      ]
    }
  }
  const found = await Promise.all((Object.entries(checks) as [Area, Check][]).map(one))
  clearTimeout(timer)
  outer?.removeEventListener('abort', stop)
  over.abort()
  return found.flat()
}
