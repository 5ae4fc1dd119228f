/** Waits for a condition, looking every 20 ms, and fails saying what did not come about. */
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
