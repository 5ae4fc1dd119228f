import { type Address, addressText } from '../datacenter/directory.ts'
import type { MiddleConnection } from './connection.ts'

/** A connection without clients is closed when others serve its address, and when none has come for long; ms. */
const SPARE_MS = 60_000
const IDLE_MS = 600_000

const none: readonly MiddleConnection[] = []

/** The connections of one thread, by the middle proxy's address. */
export class Connections {
  readonly #by = new Map<string, MiddleConnection[]>()

  all(): MiddleConnection[] {
    return [...this.#by.values()].flat()
  }

  to(address: Address): readonly MiddleConnection[] {
    return this.#by.get(addressText(address)) ?? none
  }

  add(connection: MiddleConnection): void {
    this.#by.set(addressText(connection.address), [...this.to(connection.address), connection])
  }

  forget(connection: MiddleConnection): void {
    const left = this.to(connection.address).filter((other) => other !== connection)
    if (left.length > 0) this.#by.set(addressText(connection.address), left)
    else this.#by.delete(addressText(connection.address))
  }

  /** Closes connections that no client uses, and those to addresses outside of `served` when their last client has gone. */
  closeSpare(now: number, served: ReadonlySet<string>): void {
    for (const [key, list] of this.#by)
      for (const connection of list) {
        if (connection.clients > 0 || !connection.isReady) continue
        const idleMs = now - connection.usedAt
        const isSpare = this.to(connection.address).length > 1 && idleMs >= SPARE_MS
        if (!isSpare && served.has(key) && idleMs < IDLE_MS) continue
        this.forget(connection)
        connection.close()
      }
  }
}
