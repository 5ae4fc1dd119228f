import type { ProxyEvent } from '../../events/contract.ts'
import type { FromWorker } from '../settings.ts'

/** Events that wait in a worker while the main thread is busy. */
const CAPACITY = 20_000
/** The oldest events, dropped together when the queue is full. */
const DROPPED = 1_000
/** Batches posted and not yet taken; beyond them events wait here. */
const UNTAKEN = 16
/** A batch of this size is posted immediately. */
const FULL = 512

export type EventQueue = {
  emit(event: ProxyEvent): void
  /** Posts everything that waits. */
  flush(): void
  /** The main thread took a batch. */
  taken(): void
  readonly waiting: number
}

/** The worker's end of the event queue: synchronous and bounded. Never throws. */
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
      // A connection.accepted that waited for its handshake is older than the next event: it does not end a batch.
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
