import { randomInt } from 'node:crypto'
import { setTimeout as wait } from 'node:timers/promises'
import type { Mode } from '../test/kit/client/client.ts'
import { live } from './person.ts'

export type CrowdOptions = {
  port: number
  /** 32 hex digits each. */
  secrets: readonly string[]
  /** People at the busiest hour. */
  people: number
  /** Length of a simulated day. */
  dayMs: number
  signal: AbortSignal
}

// Datacenters of the accounts: most in Europe are in 2 and 4.
const homes = [2, 2, 2, 2, 4, 4, 4, 1, 3, 5, 5, 203]
const modes: readonly Exclude<Mode, 'direct'>[] = ['tls', 'tls', 'tls', 'secure', 'secure', 'classic']
const staysMs = [6_000, 30_000] as const

const oneOf = <T>(list: readonly T[]): T => list[randomInt(list.length)]!

/** Share of people that are awake at an hour, 0–24: the least at four in the morning, all at four in the afternoon. */
export const wakefulness = (hour: number): number => 0.575 - 0.425 * Math.cos(((hour - 4) / 12) * Math.PI)

/** The simulated hour; the demo begins at seven in the morning. */
export const hourAt = (elapsedMs: number, dayMs: number): number => (7 + (elapsedMs / dayMs) * 24) % 24

/** Keeps as many people connected as are awake; resolves when all have left after `signal`. */
export const crowd = async (options: CrowdOptions): Promise<void> => {
  const { port, secrets, people, dayMs, signal } = options
  const present = new Set<Promise<void>>()
  const startedAt = performance.now()
  while (!signal.aborted) {
    const hour = hourAt(performance.now() - startedAt, dayMs)
    const wanted = Math.round(people * wakefulness(hour))
    // People arrive gradually, and faster while many are missing.
    const arriving = Math.ceil(Math.max(0, wanted - present.size) / 6)
    for (let i = 0; i < arriving; i++) {
      const person = { port, secret: oneOf(secrets), mode: oneOf(modes), dc: oneOf(homes) }
      const visit = live({ ...person, postQuantum: randomInt(2) === 0 }, randomInt(...staysMs), signal)
      present.add(visit)
      void visit.finally(() => present.delete(visit))
    }
    await wait(500, undefined, { signal }).catch(() => {})
  }
  await Promise.all(present)
}
