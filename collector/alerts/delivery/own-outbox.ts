import type { AlertEvent } from '../../../proxy/events/contract.ts'
import type { Outbox } from './outbox.ts'
import { deliveryId } from './webhook.ts'

const most = 1_000

/** An outbox in memory. `keep` stores it as text, so that a restart loses no alert; `saved` is the text stored last. */
export const openOutbox = (
  saved: string | null = null,
  keep: (text: string) => void = () => {},
): Outbox & { add(event: AlertEvent): void } => {
  let waiting: AlertEvent[] = []
  try {
    const read: unknown = saved === null ? [] : JSON.parse(saved)
    if (Array.isArray(read)) waiting = read as AlertEvent[]
  } catch {
    // Written by another version: its alerts are old by now.
  }
  const store = (): void => keep(JSON.stringify(waiting))
  return {
    first: async () => waiting[0] ?? null,
    remove: async (event) => {
      const id = deliveryId(event)
      waiting = waiting.filter((other) => deliveryId(other) !== id)
      store()
    },
    add: (event) => {
      waiting = [...waiting, event].slice(-most)
      store()
    },
  }
}
