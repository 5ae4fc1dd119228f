import { earliest } from '../../proxy/event-log/patient-clock.ts'

/**
 * When an event happened, for the state: the time that it claims, within what can be. A claim is the clock of a host that
 * may be hours ahead, stand in 1970, or have been set right a moment ago.
 */
export type Dating = {
  /** What the sender's clock lacked when it sent the event, ms: added to every claim. */
  readonly offset: number
  /** No event happens after this, epoch ms; Infinity where the receiver has no clock of its own. */
  readonly latest: number
  /** Stands for a time that no clock can have; the event's own where nothing is known. */
  readonly known: number
}

export const asClaimed: Dating = { offset: 0, latest: Infinity, known: -Infinity }

/** Two hosts whose clocks are kept differ by less: such claims stay as they are. */
export const toleranceMs = 10_000

/** A message may wait for its broker: only a sender that is further behind than that has a wrong clock. */
const delayMs = 10 * 60_000

/**
 * Dates what a message holds by the clock of the broker, which every reader of the topic finds in it again. `sentAt` is
 * what the sender's clock was at that moment; NaN when the message does not have it.
 */
export const datingOf = (receivedAt: number, sentAt: number): Dating => {
  const offset = receivedAt - sentAt
  const isWrong = offset < -toleranceMs || offset > delayMs
  return { offset: isWrong ? offset : 0, latest: receivedAt, known: receivedAt }
}

export const dated = ({ offset, latest, known }: Dating, claimed: number): number => {
  const at = claimed + offset
  if (at > latest + toleranceMs) return latest
  return at < earliest && known >= earliest ? known : at
}
