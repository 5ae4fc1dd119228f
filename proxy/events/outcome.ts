import type { CloseReason, Limit, Phase } from './contract.ts'

/** The phases after an accepted handshake: a close in one of them ends the connection of a client. */
export const clientPhases = ['dial', 'waiting', 'relaying'] as const satisfies readonly Phase[]

/** How a connection is meant to end: by either side, when unused, at shutdown, or at a limit of ours or of the user. */
export const orderlyReasons = [
  'done',
  'idle',
  'drain',
  'limit',
  'removed',
  'expired',
  'quota',
] as const satisfies readonly CloseReason[]

/**
 * Limits whose being reached harms no user that an operator could help. Unauthenticated clients have half of the places, so that users
 * have the other half; a client that does not take what a middle proxy sent is closed, and comes back.
 */
export const limitsWithoutAlert: readonly string[] = [
  'strangers',
  'middle-proxy-queue',
] satisfies readonly Limit[]

/** The phases in which a client can wait for an answer, and so be closed as `stalled`. */
export const stallPhases = ['waiting', 'relaying'] as const satisfies readonly Phase[]

const ofClient: ReadonlySet<Phase> = new Set(clientPhases)
const orderly: ReadonlySet<CloseReason> = new Set(orderlyReasons)

/** Whether a close ends the connection of a client; otherwise that of an unauthenticated client. */
export const isOfClient = (phase: Phase): boolean => ofClient.has(phase)

/** Whether a close is a drop: the connection of a client ended, and not in an orderly way. */
export const isDrop = (phase: Phase, reason: CloseReason): boolean =>
  ofClient.has(phase) && !orderly.has(reason)

/** The first byte from the datacenter is slow after this, and a failure after `failedMs`: docs/protocol.md. */
export const slowMs = 2_000
export const failedMs = 8_000

/** How soon a client was answered: within `slowMs`, within `failedMs`, or later. Values of the label `within`. */
export const answerTimes = ['2s', '8s', 'later'] as const
export type AnswerTime = (typeof answerTimes)[number]

/** The answers that the service level promises. */
export const inTime: AnswerTime = '2s'

export const answerTimeOf = (ms: number): AnswerTime =>
  ms <= slowMs ? '2s' : ms <= failedMs ? '8s' : 'later'
