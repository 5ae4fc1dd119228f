import type { ProxyEvent } from '../events/contract.ts'
import type { UserEvent, UsersProblem } from '../events/user-event.ts'
import type { Logger } from '../logger/logger.ts'
import type { Changeable } from '../relay/settings.ts'
import type { UserChange } from '../user-store/managed-user.ts'
import type { CurrentUsers } from './users.ts'

const eventOf = ({ type, user, fields }: UserChange, at: number): UserEvent => {
  const { name, enabled, changedAt, by } = user
  const of = { user: name, enabled, changedAt, by }
  switch (type) {
    case 'added':
      return { v: 1, type: 'user.added', at, ...of }
    case 'changed':
      return { v: 1, type: 'user.changed', at, ...of, fields }
    case 'removed':
      return { v: 1, type: 'user.removed', at, ...of }
  }
}

/** Events in one row of the event log. */
const most = 500

const lookMs = 5_000

/** Records what is read of the user store now, and each time that its problem changes, until `signal`. Returns how to look now. */
export const watchUserStore = (
  users: Pick<CurrentUsers, 'problem' | 'store'>,
  emit: (...events: ProxyEvent[]) => void,
  signal: AbortSignal,
): (() => void) => {
  let problem: UsersProblem | null | undefined
  const look = (): void => {
    const now = users.problem()
    if (now === problem) return
    problem = now
    const read = { users: users.store.list().length, ...(now === null ? {} : { problem: now }) }
    emit({ v: 1, type: 'users.read', at: Date.now(), ...read })
  }
  look()
  const timer = setInterval(look, lookMs).unref()
  signal.addEventListener('abort', () => clearInterval(timer))
  return look
}

/** Puts each change of the user store in force in the relay threads, and records it. */
export const followUsers = (
  users: CurrentUsers,
  change: (changed: Partial<Changeable>) => void,
  emit: (...events: ProxyEvent[]) => void,
  logger: Logger,
): void => {
  const record = (changes: readonly UserChange[]): void => {
    const events = changes.map((one) => eventOf(one, Date.now()))
    for (let at = 0; at < events.length; at += most) emit(...events.slice(at, at + most))
    const count = (type: UserChange['type']): number => changes.filter((one) => one.type === type).length
    logger('info', 'users-changed', {
      added: count('added'),
      changed: count('changed'),
      removed: count('removed'),
      users: users.all.length,
    })
  }
  if (users.store.missed.length > 0) record(users.store.missed)
  users.store.subscribe((changes) => {
    change({ users: users.forRelay })
    record(changes)
  })
}
