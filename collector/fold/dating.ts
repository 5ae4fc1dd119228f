import { earliest } from '../../proxy/event-log/patient-clock.ts'

/**
 * How to correct the times that events claim. A claim comes from the clock of a host, which may be hours ahead, stand in
 * 1970, or have been set right a moment ago.
 */
export type Dating = {
  /** Ms to add to every claim: how far the sender's clock was behind when it sent the event. */
  readonly offset: number
  /** Epoch ms that no event exceeds; Infinity where the receiver has no clock of its own. */
  readonly latest: number
  /** Epoch ms that replaces a claim before 2024; -Infinity to leave such claims alone. */
  readonly known: number
}

export const asClaimed: Dating = { offset: 0, latest: Infinity, known: -Infinity }

/** Synchronized clocks of two hosts differ by less than this: such claims stay unchanged. */
export const toleranceMs = 10_000

/** A message may wait this long for its broker; a larger difference means that the sender's clock is wrong. */
const delayMs = 10 * 60_000

/**
 * The dating of a message, by the broker's clock: both times are in the topic, so every reader dates alike. `sentAt` is the
 * sender's clock when it sent the message; NaN when the message does not have it.
 */
export const datingOf = (receivedAt: number, sentAt: number): Dating => {
  const offset = receivedAt - sentAt
  const isWrong = offset < -toleranceMs || offset > delayMs
  return { offset: isWrong ? offset : 0, latest: receivedAt, known: receivedAt }
}

/** The time of an event that claims `claimed`, epoch ms. */
export const dated = ({ offset, latest, known }: Dating, claimed: number): number => {
  const at = claimed + offset
  if (at > latest + toleranceMs) return latest
  return at < earliest && known >= earliest ? known : at
}
