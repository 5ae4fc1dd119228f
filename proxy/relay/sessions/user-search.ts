import { guarded } from './closing.ts'
import { waiting } from './connecting.ts'
import { type Decision, readHandshake, type User } from './handshake.ts'
import { FEW } from './handshake-bounds.ts'
import type { Session } from './session.ts'

/** Secrets that are tried between two looks at the clock. */
const CHUNK = 64

type Decided = (decision: Decision) => void

const isFound = (decision: Decision): boolean =>
  decision.step === 'hello' ||
  decision.step === 'opened' ||
  (decision.step === 'rejected' && decision.user !== undefined)

const attempt = ({ relay, listener, received }: Session, users: readonly User[]): Decision =>
  readHandshake(received!, received!.length, relay.epoch(), listener.rules, users)

const clientOf = ({ remote, prefix }: Session) => ({ address: remote.toString('latin1'), prefix })

/** Notes the user of an accepted handshake: the next one of this client needs no search. */
export const noteUser = (session: Session): void => {
  const { relay, listener, user } = session
  if (user !== null && listener.rules.users.length > FEW) relay.lookup.recent.note(clientOf(session), user)
}

/** Decides on what the session has received, and calls `decided`: now where the user is a likely one, else after a search. */
export const findUser = (session: Session, decided: Decided): void => {
  const { relay, listener, client } = session
  const { lookup } = relay
  const { rules } = listener
  if (rules.users.length <= FEW) return decided(attempt(session, rules.users))
  for (const users of lookup.recent.likely(clientOf(session))) {
    const before = rules.asked
    const decision = attempt(session, users)
    // Most bytes that are not a handshake are rejected without a secret.
    if (isFound(decision) || rules.asked === before) return decided(decision)
  }
  session.searching = true
  relay.handshakes.progressed(session)
  client.attach(waiting, session)
  client.pause()
  lookup.turns.enter(session.prefix, stepOf(session, decided))
}

/** A search that tries some more secrets in each step. */
const stepOf = (session: Session, decided: Decided): (() => boolean) => {
  const { listener, client } = session
  let { users } = listener.rules
  let at = 0
  const step = (): boolean => {
    // Closed, or rejected because its time was over.
    if (session.closed || session.handshake === null) return true
    if (users !== listener.rules.users) {
      users = listener.rules.users
      at = 0
    }
    const decision = attempt(session, users.slice(at, at + CHUNK))
    at += CHUNK
    if (!isFound(decision) && at < users.length) return false
    session.searching = false
    client.resume()
    decided(decision)
    return true
  }
  return () => {
    let isOver = true
    guarded(session, () => {
      isOver = step()
    })
    return isOver
  }
}
