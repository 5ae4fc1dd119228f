/** Does it every so many ms until what it returns is called, which waits for all that was begun. Failures are not its matter. */
export const again = (everyMs: number, act: (nth: number) => Promise<unknown>): (() => Promise<void>) => {
  const pending = new Set<Promise<unknown>>()
  let nth = 0
  const timer = setInterval(() => {
    const acting = act(nth++).catch(() => {})
    pending.add(acting)
    void acting.finally(() => pending.delete(acting))
  }, everyMs)
  return async () => {
    clearInterval(timer)
    await Promise.all(pending)
  }
}
