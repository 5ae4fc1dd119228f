import type { ProxyEvent } from '../../events/contract.ts'
import type { FromWorker } from '../settings.ts'

/** Facts that wait in a worker while the main thread is away. */
const CAPACITY = 20_000
/** Dropped at once when they do not fit: the oldest. */
const DROPPED = 1_000
/** Batches handed over and not yet taken: beyond these the main thread is too slow and facts wait here. */
const UNTAKEN = 16
/** A batch as large as this does not wait for its time. */
const FULL = 512

export type EventQueue = {
  emit(event: ProxyEvent): void
  /** Hands over what is there. */
  flush(): void
  /** The main thread took a batch. */
  taken(): void
  readonly waiting: number
}

/** The worker's end of the event queue: synchronous, bounded, and unable to fail. */
export const eventQueue = (post: (message: FromWorker) => void): EventQueue => {
  let queue: ProxyEvent[] = []
  let lost = 0
  let untaken = 0
  const flush = (): void => {
    if ((queue.length === 0 && lost === 0) || untaken >= UNTAKEN) return
    post({ type: 'events', text: JSON.stringify(queue), count: queue.length, lost })
    untaken++
    queue = []
    lost = 0
  }
  return {
    emit: (event) => {
      if (queue.length >= CAPACITY) {
        queue.splice(0, DROPPED)
        lost += DROPPED
      }
      queue.push(event)
      // A connection.accepted that waited for its judgement is older than what follows: it ends no batch.
      if (queue.length >= FULL && event.type !== 'connection.accepted') flush()
    },
    flush,
    taken: () => {
      untaken--
    },
    get waiting() {
      return queue.length
    },
  }
}
