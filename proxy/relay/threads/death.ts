import { closeSync } from 'node:fs'
import type { DeathReason } from '../../events/sample.ts'
import { markedDescriptors } from '../../net/epoll/marks.ts'
import type { Ledger } from './ledger.ts'

export type Death = {
  readonly worker: number
  readonly reason: DeathReason
  readonly message: string
  /** Events that it emitted and did not post. */
  readonly lost: number
}

/** `error`: the exception that left the thread; null: none did. */
export const causeOf = (error: unknown, code: number): Pick<Death, 'reason' | 'message'> => {
  if (error === null) return { reason: 'exited', message: `it exited with code ${code}` }
  const isMemory = (error as NodeJS.ErrnoException).code === 'ERR_WORKER_OUT_OF_MEMORY'
  return { reason: isMemory ? 'out-of-memory' : 'failed', message: String(error) }
}

/** Closes what the kernel still holds open for a dead thread: its clients get an end, its port no more of them. */
export const closeDescriptors = ({ descriptors }: Ledger): void => {
  for (const descriptor of markedDescriptors(descriptors)) {
    try {
      closeSync(descriptor)
    } catch {
      // The kernel has closed it, and reports an earlier error of the connection.
    }
  }
}

const MINUTE = 60_000
/** Threads that are replaced within a minute, at most. */
export const REPLACED = 5

/** False: too many threads have died within a minute. */
export const replacements = (): (() => boolean) => {
  let deaths: number[] = []
  return () => {
    const now = performance.now()
    deaths = [...deaths.filter((at) => now - at < MINUTE), now]
    return deaths.length <= REPLACED
  }
}
