/** Whether the test servers of a task are installed, or cannot be. */
export type Readiness<T> = {
  isReady(task: T): boolean
  /** Resolves when `isReady` holds. */
  ready(task: T): Promise<void>
}

/**
 * Runs every task of `queue`, at most `limit` at a time. Each free place takes the first task that is ready. Stops taking
 * tasks when `stopped` returns true; resolves when those that run have ended.
 */
export const schedule = async <T>(
  tasks: readonly T[],
  limit: number,
  { isReady, ready }: Readiness<T>,
  run: (task: T) => Promise<void>,
  stopped: () => boolean,
): Promise<void> => {
  const queue = [...tasks]
  const place = async (): Promise<void> => {
    while (queue.length > 0 && !stopped()) {
      const at = queue.findIndex(isReady)
      if (at >= 0) await run(queue.splice(at, 1)[0]!)
      else await Promise.race(queue.map(ready))
    }
  }
  await Promise.all(Array.from({ length: limit }, place))
}
