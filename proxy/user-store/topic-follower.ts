import { randomUUID } from 'node:crypto'
import { setTimeout as delay } from 'node:timers/promises'
import { nameKey } from '../config/user-name.ts'
import { type KafkaClient, openKafka } from '../kafka/connect.ts'
import { type Consumer, openConsumer } from '../kafka/consumer.ts'
import { hintOf, retryHint } from '../kafka/errors.ts'
import { openTopicLog } from '../kafka/topic-log.ts'
import { differences } from './differences.ts'
import type { Keeper, ManagedUser, StoreHealth, Users } from './managed-user.ts'
import { decidedOn, keyed, kindOf, messagesOf, problemOf, send, type TopicOptions } from './topic-access.ts'
import { readCopy, writeCopy } from './topic-copy.ts'
import { recordOfGenerated } from './topic-generated.ts'
import { stateOf, type TopicMessage, type TopicState, topicState } from './topic-state.ts'

/** How long a first start waits for the users. */
const firstMs = 5_000
/** How long a broker holds a fetch: a thousand proxies that ask five times a second would be its load. */
const waitMs = 2_000

/** A node with another key has no user of the topic: its own stays in force. */
const hasBegun = ({ any, users, unusable }: TopicState): boolean =>
  any && (users.size > 0 || unusable.size === 0)

/** Its public functions are properties: callers may take them off the object. */
class TopicFollower implements Keeper {
  changed: Keeper['changed'] = null
  readonly missed = []
  readonly #options: TopicOptions
  readonly #topic: string
  readonly #client: KafkaClient
  readonly #consumer: Consumer
  readonly #damage = { record: 0, key: 0, clash: 0 }
  readonly #settled = Promise.withResolvers<void>()
  #hasCopy: boolean
  #state: TopicState
  /** Of the topic from its first message on, until its end is reached. */
  #scan: TopicState | null = null
  #users: Users
  /** Whether the users of the topic are in force; until then it is the generated one. */
  #begun: boolean
  #problem: string | null
  #kind: StoreHealth['kind']
  /** Whether callers have the users: the links of the generated one may be in use. */
  #open = false
  /** The generated user, until its record is in the topic. */
  #placing: ManagedUser | null = null
  /** Whether the copy is older than the users in force. */
  #unkept = false

  constructor(options: TopicOptions) {
    const { kafka, key, dataDir, node, logger } = options
    this.#options = options
    this.#topic = kafka.topics.users
    this.#client = openKafka(kafka, `mtscope-users-${node}`, logger)
    const copy = readCopy(dataDir)
    this.#hasCopy = copy !== null
    this.#state = stateOf(key, copy ?? new Map(), this.#damage)
    this.#users = new Map(this.#state.users)
    this.#begun = hasBegun(this.#state)
    this.#problem = problemOf(this.#state)
    this.#kind = kindOf(this.#state)
    const group = `${this.#topic}.${node}.${randomUUID()}`
    this.#consumer = openConsumer(
      this.#client,
      { topic: this.#topic, group, waitMs },
      {
        assigned: (partitions) => {
          if (partitions.includes(0)) this.#begin()
        },
        batch: async ({ to, end }, messages) => this.#take(messages, to >= end),
      },
    )
  }

  /** Users of the copy, or of the topic when it answers in time. */
  readonly ready = async (): Promise<void> => {
    if (!this.#hasCopy) await Promise.race([this.#settled.promise, delay(firstMs, undefined, { ref: false })])
    this.#open = true
  }

  readonly users = (): Users => (this.#begun ? this.#users : keyed(this.#options.first()))

  readonly refresh = (): void => {}

  readonly update: Keeper['update'] = async (decided) => {
    const messages = messagesOf(
      this.#state,
      decidedOn(this.#options, this.#state, decided),
      this.#options.key,
    )
    await send(this.#client, this.#topic, messages)
    // They come from Kafka, too, but the caller expects them to be in force.
    const own = messages.map(({ key, value }) => ({
      key: Buffer.from(key),
      value: value === null ? null : Buffer.from(value),
    }))
    this.#take(own, this.#scan === null)
  }

  readonly health = (): StoreHealth => {
    const lost = this.#consumer.failure
    const away = lost === null ? null : `Kafka (${lost}): ${hintOf(lost) ?? retryHint}`
    const kind = this.#kind ?? (away === null ? null : 'kafka')
    return { damage: { file: 0, ...this.#damage }, problem: this.#problem ?? away, kind }
  }

  readonly close = (): Promise<void> => this.#consumer.stop()

  /** Reads the topic from its first message: what was compacted away while Kafka was lost left no message. */
  #begin(): void {
    const scan = topicState(this.#options.key, this.#state.records, this.#damage)
    this.#scan = scan
    this.#consumer.seek(0, 0)
    // An empty topic has no batch that would end the scan.
    const log = openTopicLog(this.#client, this.#topic)
    void log
      .endOf(0)
      .then((end) => {
        if (end === 0 && this.#scan === scan) this.#take([], true)
      })
      .catch(() => {})
      .finally(() => log.stop())
  }

  #take(messages: readonly TopicMessage[], isEnd: boolean): void {
    const reading = this.#scan ?? this.#state
    reading.take(messages)
    if (isEnd) this.#settle(reading)
  }

  /** Puts a state in force. */
  #settle(state: TopicState): void {
    if (!state.any && this.#begun)
      return this.#report(
        'empty',
        `${this.#topic} is empty, but this node has ${this.#users.size} users: if it was deleted, import them again`,
      )
    this.#scan = null
    const before = this.users()
    const begins = !this.#begun && state.users.size > 0
    this.#state = state
    this.#begun = hasBegun(state)
    this.#users = new Map(state.users)
    if (begins) this.#place()
    if (this.#placing !== null) {
      const name = nameKey(this.#placing.name)
      if (state.users.has(name)) this.#placing = null
      else this.#users = new Map([...this.#users, [name, this.#placing]])
    }
    this.#report(kindOf(state), problemOf(state))
    const changes = differences(before, this.users())
    this.#unkept ||= changes.length > 0 || begins
    const complete = this.#placing === null && (this.#begun || !state.any)
    if (complete && (this.#unkept || !this.#hasCopy)) this.#keep()
    if (changes.length > 0) this.changed?.(changes)
    this.#settled.resolve()
  }

  /** Another program has added the first users: the generated user of this node becomes one of them. */
  #place(): void {
    const { first, kept, key, logger, node } = this.#options
    const [generated] = this.#open || kept ? first() : []
    const record = generated === undefined ? null : recordOfGenerated(this.#users, generated, node)
    if (record === null) return
    const user = record.name
    if (this.#users.has(nameKey(user))) {
      const hint = `another user has the name ${user}: remove that one, and restart this node`
      return logger('error', 'generated-user-ended', { user, hint })
    }
    this.#placing = record
    logger('info', 'generated-user-kept', { user })
    send(this.#client, this.#topic, messagesOf(this.#state, keyed([record]), key)).catch((error: unknown) => {
      const hint = 'it is in force, and this node adds it to the topic at its next start'
      logger('warn', 'generated-user-not-added', { user, error: String(error), hint })
    })
  }

  #report(kind: StoreHealth['kind'], problem: string | null): void {
    this.#kind = kind
    if (problem !== null && problem !== this.#problem) {
      const using = `the last good ${this.#users.size} users`
      this.#options.logger('error', 'users-damaged', { error: problem, using })
    }
    this.#problem = problem
  }

  #keep(): void {
    try {
      writeCopy(this.#options.dataDir, this.#state.records)
      this.#hasCopy = true
      this.#unkept = false
    } catch (error) {
      this.#options.logger('warn', 'users-copy', { error: error instanceof Error ? error : String(error) })
    }
  }
}

/** The store of a proxy: follows the topic, and keeps a copy with which it starts while Kafka is away. */
export const topicFollower = async (options: TopicOptions): Promise<Keeper> => {
  const follower = new TopicFollower(options)
  await follower.ready()
  return follower
}
