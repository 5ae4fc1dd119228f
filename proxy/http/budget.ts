export type Budget = {
  spend(ms: number): void
  readonly empty: boolean
}

/** A token bucket: `msPerSecond` refill steadily, and debt is limited to what one second refills. */
export const createBudget = (msPerSecond: number, now: () => number): Budget => {
  let left = msPerSecond
  let filledAt = now()
  const refill = (): void => {
    const at = now()
    left = Math.min(msPerSecond, left + ((at - filledAt) * msPerSecond) / 1_000)
    filledAt = at
  }
  return {
    spend: (ms) => {
      refill()
      left = Math.max(left - ms, -msPerSecond)
    },
    get empty() {
      refill()
      return left <= 0
    },
  }
}
