/** Calls `look` every 20 ms until it returns a truthy value. Throws after `ms` with `what` in the message. */
export const until = async <T>(
  look: () => T | Promise<T>,
  what: string,
  ms = 30_000,
): Promise<NonNullable<T>> => {
  const deadline = performance.now() + ms
  for (;;) {
    const seen = await look()
    if (seen) return seen
    if (performance.now() > deadline) throw new Error(`not within ${ms} ms: ${what}`)
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
}
