import { randomInt } from 'node:crypto'
import { setTimeout as wait } from 'node:timers/promises'
import type { Mode } from '../test/kit/client/client.ts'
import { live } from './person.ts'

export type CrowdOptions = {
  port: number
  /** 32 hex digits each. */
  secrets: readonly string[]
  /** How many people there are at the busiest hour. */
  people: number
  /** How long a whole day takes. */
  dayMs: number
  signal: AbortSignal
}

// Where accounts live: most of Europe in 2 and 4.
const homes = [2, 2, 2, 2, 4, 4, 4, 1, 3, 5, 5, 203]
const modes: readonly Exclude<Mode, 'direct'>[] = ['tls', 'tls', 'tls', 'secure', 'secure', 'classic']
const staysMs = [6_000, 30_000] as const

const oneOf = <T>(list: readonly T[]): T => list[randomInt(list.length)]!

/** The share of people who are awake at an hour of the day, 0–24: least at four in the morning, all at four in the afternoon. */
export const wakefulness = (hour: number): number => 0.575 - 0.425 * Math.cos(((hour - 4) / 12) * Math.PI)

/** The compressed hour of the day; the show begins at seven in the morning. */
export const hourAt = (elapsedMs: number, dayMs: number): number => (7 + (elapsedMs / dayMs) * 24) % 24

/** Keeps as many people about as the hour asks for; resolves when all have left after `signal`. */
export const crowd = async (options: CrowdOptions): Promise<void> => {
  const { port, secrets, people, dayMs, signal } = options
  const present = new Set<Promise<void>>()
  const startedAt = performance.now()
  while (!signal.aborted) {
    const hour = hourAt(performance.now() - startedAt, dayMs)
    const wanted = Math.round(people * wakefulness(hour))
    // Not all at once: a newcomer every now and then, more when many are missing.
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
