import { type KafkaClient, openKafka } from '../kafka/connect.ts'
import { topicExtent } from '../kafka/offsets.ts'
import { readRanges } from '../kafka/range.ts'
import { ensureTopics } from '../kafka/topics.ts'
import { applied } from './differences.ts'
import type { Keeper, Users } from './managed-user.ts'
import {
  decidedOn,
  kafkaError,
  keyed,
  kindOf,
  messagesOf,
  problemOf,
  send,
  type TopicOptions,
} from './topic-access.ts'
import { type TopicState, topicState } from './topic-state.ts'

const readAll = async (client: KafkaClient, topic: string, state: TopicState): Promise<void> => {
  const { first, next } = (await topicExtent(client, topic)).get(0) ?? { first: 0, next: 0 }
  await readRanges(client, topic, new Map([[0, { from: first, to: next }]]), (_, messages) =>
    state.take(messages),
  )
}

/** The store of a command: reads the topic once. Throws a UserError. */
export const topicOnce = async (options: TopicOptions): Promise<Keeper> => {
  const { kafka, key, logger, first, readOnly } = options
  const topic = kafka.topics.users
  const client = openKafka(kafka, 'mtscope-users', logger)
  const state = topicState(key, new Map())
  const read = async (): Promise<void> => {
    if (!readOnly) await ensureTopics(client)
    await readAll(client, topic, state)
  }
  await read().catch((error: unknown) => {
    throw kafkaError(error, options)
  })
  let { users }: { users: Users } = state
  if (!state.any) users = keyed(first())
  return {
    missed: [],
    users: () => users,
    refresh: () => {},
    update: async (decided) => {
      const changes = decidedOn(options, state, decided)
      await send(client, topic, messagesOf(state, changes, key))
      users = applied(users, changes)
    },
    changed: null,
    health: () => ({ damage: { file: 0, ...state.damage }, problem: problemOf(state), kind: kindOf(state) }),
    close: async () => {},
  }
}
