/** Calls `act` every `everyMs` and ignores its failures. The returned function stops that and waits for the calls under way. */
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
