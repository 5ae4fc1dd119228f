import { setTimeout as delay } from 'node:timers/promises'
import type { KafkaConfig } from '../config/config.ts'
import { nameKey } from '../config/user-name.ts'
import type { UsersProblem } from '../events/user-event.ts'
import type { KafkaClient } from '../kafka/connect.ts'
import { hintOf, kafkaGaveUp } from '../kafka/errors.ts'
import { openProducer } from '../kafka/producer.ts'
import type { Logger } from '../logger/logger.ts'
import { UserError } from './errors.ts'
import type { Keeper, ManagedUser, Users } from './managed-user.ts'
import { type SealingKey, seal } from './seal.ts'
import { begun, type TopicState } from './topic-state.ts'

export type TopicOptions = {
  readonly kafka: KafkaConfig
  readonly key: SealingKey
  readonly dataDir: string
  readonly node: string
  readonly logger: Logger
  /** The users until the topic has its first: the generated one. */
  readonly first: () => readonly ManagedUser[]
  /** Whether the generated user was there before this start. */
  readonly kept: boolean
  /** Makes no topic where there is none. */
  readonly readOnly: boolean
}

/** How long a write waits for Kafka. */
const writeMs = 15_000
const mostInBatch = 500

export const keyed = (users: readonly ManagedUser[]): Users =>
  new Map(users.map((user) => [nameKey(user.name), user]))

/** What is wrong with the topic and what to do; null: nothing. */
export const problemOf = (state: TopicState): string | null => errorOf(state)?.message ?? null

const errorOf = (state: TopicState): UserError | null => {
  const reasons = [...state.unusable.values()]
  const keys = reasons.filter((reason) => reason === 'key').length
  if (keys > 0)
    return new UserError(
      'ERR_USERS_KEY',
      `${keys} of its records were sealed with another key: give each node the USERS_KEY of the one that added the users`,
    )
  if (reasons.length === 0) return null
  const names = [...state.unusable.keys()].slice(0, 5).map((name) => JSON.stringify(name))
  return new UserError(
    'ERR_USERS_DAMAGED',
    `${reasons.length} records of the topic are damaged or clash (${names.join(', ')}): change or remove these users`,
  )
}

export const kindOf = (state: TopicState): UsersProblem | null => {
  const reasons = [...state.unusable.values()]
  return reasons.includes('key') ? 'key' : (reasons[0] ?? null)
}

export const decidedOn = (
  { first }: TopicOptions,
  state: TopicState,
  decided: Parameters<Keeper['update']>[0],
): ReadonlyMap<string, ManagedUser | null> => {
  const error = errorOf(state)
  if (error?.code === 'ERR_USERS_KEY') throw error
  if (state.any) return decided(state.users)
  const generated = keyed(first())
  return new Map<string, ManagedUser | null>([...generated, ...decided(generated)])
}

/** Seals and sends changes. Throws ERR_USERS_KAFKA when Kafka has not acknowledged them in time. */
export const send = async (
  client: KafkaClient,
  topic: string,
  messages: readonly { readonly key: string; readonly value: string | null }[],
): Promise<void> => {
  const producer = openProducer(client, topic)
  const late = delay(writeMs, 'late' as const, { ref: false })
  try {
    for (let at = 0; at < messages.length; at += mostInBatch) {
      const sending = producer.send(0, messages.slice(at, at + mostInBatch)).then(() => null)
      if ((await Promise.race([sending, late])) === null) continue
      sending.catch(() => {})
      const reason = [...producer.failures.keys()].at(-1)
      const hint = (reason && hintOf(reason)) ?? 'check that the brokers of KAFKA_BROKERS run'
      throw new UserError('ERR_USERS_KAFKA', `${topic} (${reason ?? 'timeout'}): ${hint}`)
    }
  } finally {
    await producer.close()
  }
}

/** The first ones mark that the topic has begun. */
export const messagesOf = (
  state: TopicState,
  changes: ReadonlyMap<string, ManagedUser | null>,
  key: SealingKey,
) => [
  ...(state.any || changes.size === 0 ? [] : [begun]),
  ...[...changes].map(([name, user]) => ({ key: name, value: user === null ? null : seal(user, key) })),
]

export const kafkaError = (error: unknown, { kafka }: TopicOptions): unknown =>
  error instanceof UserError
    ? error
    : new UserError(
        'ERR_USERS_KAFKA',
        error instanceof Error && error.name === 'Error' ? error.message : kafkaGaveUp(error, kafka.brokers),
        error,
      )
