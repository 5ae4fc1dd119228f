/** Longest time in which searches hold up everything else; ms. */
const SLICE_MS = 5
/** Everything else gets so many times what searches took. */
const REST = 3
/** Between two slices while searches wait; ms. */
export const SEARCH_MS = 5

/** A part of a search; true when it is over. Never throws. */
type Step = () => boolean

/**
 * The searches of one thread. They take turns by prefix and have a quarter of the thread, so that neither an unknown client
 * nor a flood of them holds up relayed bytes or known clients.
 */
export type Turns = {
  readonly size: number
  enter(prefix: number, step: Step): void
  pulse(): void
}

export const turns = (clock: () => number): Turns => {
  /** By prefix, whose turn is next first. */
  const queues = new Map<number, Step[]>()
  let size = 0
  let current: Step | null = null
  let endedAt = Number.NEGATIVE_INFINITY
  const next = (): Step | null => {
    const [first] = queues
    if (first === undefined) return null
    const [prefix, steps] = first
    queues.delete(prefix)
    const step = steps.shift()!
    if (steps.length > 0) queues.set(prefix, steps)
    return step
  }
  return {
    get size() {
      return size
    },
    enter: (prefix, step) => {
      const steps = queues.get(prefix)
      if (steps === undefined) queues.set(prefix, [step])
      else steps.push(step)
      size++
    },
    pulse: () => {
      if (size === 0) return
      const begun = clock()
      const until = begun + Math.min(SLICE_MS, (begun - endedAt) / REST)
      while (size > 0 && clock() < until) {
        current ??= next()
        if (current === null || !current()) continue
        current = null
        size--
      }
      endedAt = clock()
    },
  }
}
