import { spawnSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { mkdtempSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { testConfig } from '../../compose/test/kit/kafka/test-config.ts'
import { skipUnless } from '../../compose/test/kit/skip.ts'
import { ensureKafka, startKafka } from '../../compose/test/services/kafka.ts'
import { until } from '../../compose/test/until.ts'
import { openKafka } from '../kafka/connect.ts'
import { openProducer } from '../kafka/producer.ts'
import type { User } from '../users/user.ts'
import { UserError } from './errors.ts'
import { openUserStore } from './open.ts'
import type { UserStore } from './store.ts'

const it = skipUnless(test, ensureKafka() !== null, 'Kafka is missing')
const silent = (): void => {}
const usersKey = randomBytes(32).toString('hex')

/** Stores that share brokers; each node has a DATA_DIR of its own, which outlives the store. */
const nodes = (brokers: readonly string[]) => {
  const folder = mkdtempSync(join(tmpdir(), 'mtscope-'))
  const opened: UserStore[] = []
  return {
    dataDirOf: (node: string) => join(folder, node),
    open: async (
      node: string,
      {
        key = usersKey as string | null,
        follow = true,
        make = undefined as boolean | undefined,
        ofSettings = [settingsUser] as readonly User[],
      } = {},
    ): Promise<UserStore> => {
      const store = await openUserStore({
        config: { dataDir: join(folder, node), kafka: testConfig(brokers), node, usersKey: key },
        logger: silent,
        // Without users of settings, each node would begin with a generated one.
        ofSettings: () => ofSettings,
        follow,
        ...(make === undefined ? {} : { make }),
      })
      opened.push(store)
      return store
    },
    [Symbol.asyncDispose]: async () => {
      await Promise.all(opened.map((store) => store.close()))
      rmSync(folder, { recursive: true, force: true })
    },
  }
}

const { strongSecret } = await import('../users/secret.ts')
const settingsUser = { name: 'root', secret: strongSecret(), enabled: true, limits: {} }
const names = (store: UserStore): readonly string[] =>
  store
    .list()
    .map(({ name }) => name)
    .sort()
const has = (store: UserStore, ...wanted: string[]): Promise<unknown> =>
  until(() => names(store).join() === wanted.join(), `the users ${wanted} instead of ${names(store)}`, 60_000)
const codeOf = (error: unknown): string => (error instanceof UserError ? error.code : String(error))

it('a change on one node is in force on all, and the broker holds no readable secret', async () => {
  await using broker = await startKafka()
  await using at = nodes(broker.brokers)
  const [one, two] = await Promise.all([at.open('one'), at.open('two')])
  const seen: string[] = []
  two.subscribe((changes) => seen.push(...changes.map(({ type, user }) => `${type} ${user.name}`)))
  const alice = await one.add({ name: 'alice', limits: { maxConnections: 4 } }, 'cli')
  assert.equal(names(one), ['alice'])
  await has(two, 'alice')
  assert.is(two.get('alice')?.secret.hex(), alice.secret.hex())
  const command = await at.open('command', { follow: false })
  assert.equal(names(command), ['alice'])
  await command.rotate('alice', 'cli')
  await until(() => one.get('alice')?.secret.hex() !== alice.secret.hex(), 'the secret is new', 60_000)
  await command.put([{ name: 'bob' }, { name: 'carol' }], 'cli')
  await has(one, 'alice', 'bob', 'carol')
  await one.remove('bob', 'cli')
  await has(two, 'alice', 'carol')
  assert.equal(seen.slice(0, 2), ['added alice', 'changed alice'])
  for (const { secret } of two.list())
    for (const form of [secret.hex(), secret.bytes().toString('base64').slice(0, 21)])
      assert.is(spawnSync('grep', ['-raq', form, broker.folder]).status, 1)
  assert.is(statSync(join(at.dataDirOf('two'), 'users.topic.json')).mode & 0o777, 0o600)
})

it('a node starts with its copy while Kafka is away, and takes removals that it missed', async () => {
  await using broker = await startKafka()
  await using at = nodes(broker.brokers)
  const first = await at.open('one')
  await first.put([{ name: 'alice' }, { name: 'bob' }], 'cli')
  await first.close()
  const other = await at.open('two')
  await other.remove('bob', 'cli')
  await broker.kill()
  const again = await at.open('one')
  assert.equal(names(again), ['alice', 'bob'])
  await until(() => again.health().problem?.startsWith('Kafka'), 'it reports that Kafka is away', 60_000)
  await broker.start()
  await has(again, 'alice')
  await until(() => again.health().problem === null, 'it reports that Kafka is back', 60_000)
})

it('a wrong key is an error with a code, and a hostile topic leaves the last good users in force', async () => {
  await using broker = await startKafka()
  await using at = nodes(broker.brokers)
  const store = await at.open('one')
  await store.add({ name: 'alice' }, 'cli')
  const wrong = await at.open('two', { key: randomBytes(32).toString('hex') })
  await until(() => wrong.health().damage.key > 0, 'the record is counted', 60_000)
  assert.match(wrong.health().problem ?? '', /USERS_KEY/)
  assert.equal(names(wrong), [])
  assert.is(await wrong.add({ name: 'bob' }, 'cli').then(() => '', codeOf), 'ERR_USERS_KEY')
  assert.is(await at.open('three', { key: null, follow: false }).then(() => '', codeOf), 'ERR_USERS_KEY')

  const producer = openProducer(openKafka(testConfig(broker.brokers), 'test', silent), 'mtscope.users')
  const hostile = [
    { key: 'alice', value: randomBytes(100) },
    { key: '', value: 'x' },
    { key: 'mallory', value: '{}' },
  ]
  await producer.send(0, hostile)
  await producer.close()
  await until(() => store.health().damage.record >= 3, 'the records are counted', 60_000)
  assert.equal(names(store), ['alice'])
  await store.close()
  assert.equal(names(await at.open('one')), ['alice'])
})

it('a topic that was deleted leaves the users in force', async () => {
  await using broker = await startKafka()
  await using at = nodes(broker.brokers)
  const store = await at.open('one')
  await store.add({ name: 'alice' }, 'cli')
  await store.close()
  const admin = openKafka(testConfig(broker.brokers), 'test', silent).kafka.admin()
  await admin.connect()
  await admin.deleteTopics({ topics: ['mtscope.users'] })
  await admin.disconnect()
  const again = await at.open('one')
  await until(() => again.health().problem?.includes('is empty'), 'it reports the empty topic', 60_000)
  assert.equal(names(again), ['alice'])
})

it('the topic is compacted and has no retention', async () => {
  await using broker = await startKafka()
  await using at = nodes(broker.brokers)
  await at.open('one')
  const admin = openKafka(testConfig(broker.brokers), 'test', silent).kafka.admin()
  await admin.connect()
  const { resources } = await admin.describeConfigs({
    includeSynonyms: false,
    resources: [{ type: 2, name: 'mtscope.users', configNames: ['cleanup.policy'] }],
  })
  await admin.disconnect()
  assert.is(resources[0]?.configEntries[0]?.configValue, 'compact')
})

it('generated users stay when a collector adds the first user, and a removed one stays removed', async () => {
  await using broker = await startKafka()
  await using at = nodes(broker.brokers)
  const [one, two] = await Promise.all(['one', 'two'].map((node) => at.open(node, { ofSettings: [] })))
  const secrets = [one!, two!].map((store) => store.get('user1')!.secret.hex())
  assert.is.not(secrets[0], secrets[1])
  const collector = await at.open('collector', { ofSettings: [], make: false })
  assert.equal(names(collector), [])
  await collector.add({ name: 'alice' }, 'panel')
  for (const store of [one!, two!, collector]) await has(store, 'alice', 'user1-one', 'user1-two')
  assert.equal(
    ['user1-one', 'user1-two'].map((name) => collector.get(name)!.secret.hex()),
    secrets,
  )
  for (const name of names(collector)) await collector.remove(name, 'panel')
  await has(one!)
  await one!.close()
  assert.equal(names(await at.open('one', { ofSettings: [] })), [])
  assert.equal(names(await at.open('command', { ofSettings: [], follow: false })), [])
})

it('a node with another key keeps its generated user, and adds it when it has the key of the fleet', async () => {
  await using broker = await startKafka()
  await using at = nodes(broker.brokers)
  const other = { key: randomBytes(32).toString('hex'), ofSettings: [] }
  const one = await at.open('one', other)
  const secret = one.get('user1')!.secret.hex()
  const collector = await at.open('collector', { make: false })
  await collector.add({ name: 'alice' }, 'panel')
  await until(() => one.health().problem?.includes('USERS_KEY'), 'it reports the key', 60_000)
  assert.equal(names(one), ['user1'])
  await one.close()
  assert.equal(names(await at.open('one', other)), ['user1'])
  const right = await at.open('one', { ofSettings: [] })
  await has(right, 'alice', 'user1-one')
  assert.is(right.get('user1-one')?.secret.hex(), secret)
  await has(collector, 'alice', 'user1-one')
})

test.run()
