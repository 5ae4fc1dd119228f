import type { ManagedUser, Users } from './managed-user.ts'
import { type SealingKey, unseal } from './seal.ts'
import type { Records } from './topic-copy.ts'

/** Keys that begin with it are not users: names begin with a letter or digit. */
const foreign = '.'
/** In the topic since its first change: from then on it alone has the users, also when there are none. */
export const begun = { key: '.begun', value: '1' }

export type TopicMessage = { readonly key: Buffer | null; readonly value: Buffer | null }

/** What a reader of the topic has: the newest usable record of each user, as it is there, and opened. */
export type TopicState = {
  readonly records: Records
  readonly users: Users
  /** Reads messages in order. One that cannot be used is counted; the last good user of that name stays. */
  take(messages: readonly TopicMessage[]): void
  /** Records that cannot be used, since the start. */
  readonly damage: { record: number; key: number; clash: number }
  /** Name keys whose newest record cannot be used. */
  readonly unusable: ReadonlyMap<string, keyof TopicState['damage']>
  /** Whether the topic has begun, or any message of a user came, removals too. */
  readonly any: boolean
}

const longestName = 400

/** `good`: records of an earlier state, for users whose record here cannot be used. */
export const topicState = (
  key: SealingKey,
  good: Records,
  damage: TopicState['damage'] = { record: 0, key: 0, clash: 0 },
  now: () => number = Date.now,
): TopicState => {
  const records = new Map<string, string>()
  const users = new Map<string, ManagedUser>()
  const unusable = new Map<string, keyof TopicState['damage']>()
  /** The owner of each secret: two users cannot share one. */
  const owners = new Map<string, string>()
  let any = false
  const remove = (name: string): void => {
    const user = users.get(name)
    if (user !== undefined) owners.delete(user.secret.hex())
    users.delete(name)
    records.delete(name)
  }
  const put = (name: string, text: string): keyof TopicState['damage'] | null => {
    const opened = unseal(name, text, key, now())
    if (!opened.ok) return opened.reason
    const hex = opened.user.secret.hex()
    if ((owners.get(hex) ?? name) !== name) return 'clash'
    remove(name)
    owners.set(hex, name)
    users.set(name, opened.user)
    records.set(name, text)
    return null
  }
  const take = (name: string, value: Buffer | null): void => {
    unusable.delete(name)
    if (value === null) return remove(name)
    const reason = put(name, value.toString())
    if (reason === null) return
    damage[reason]++
    unusable.set(name, reason)
    const last = users.has(name) ? undefined : good.get(name)
    if (last !== undefined) put(name, last)
  }
  return {
    ...{ records, users, damage, unusable },
    get any() {
      return any
    },
    take: (messages) => {
      for (const { key: bytes, value } of messages) {
        const name = bytes === null || bytes.length > longestName ? '' : bytes.toString()
        if (name === '') damage.record++
        if (name === begun.key) {
          any = true
          records.set(name, begun.value)
        }
        if (name === '' || name.startsWith(foreign)) continue
        any = true
        take(name, value)
      }
    },
  }
}

/** The state of records that were read before. */
export const stateOf = (key: SealingKey, records: Records, damage: TopicState['damage']): TopicState => {
  const state = topicState(key, new Map(), damage)
  state.take([...records].map(([name, text]) => ({ key: Buffer.from(name), value: Buffer.from(text) })))
  return state
}
