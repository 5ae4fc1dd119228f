import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { inspect } from 'node:util'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { Secret, strongSecret } from '../users/secret.ts'
import type { User } from '../users/user.ts'
import { UserError, type UserErrorCode } from './errors.ts'
import { fileKeeper } from './file.ts'
import type { ManagedUser, UserChange } from './managed-user.ts'
import { type UserStore, userStore } from './store.ts'

const silent = (): void => {}

type World = { readonly path: string; open(more?: Partial<Opening>): UserStore }
type Opening = { follow: boolean; first: readonly ManagedUser[]; settings: readonly User[] }

const world = (): World & AsyncDisposable => {
  const path = mkdtempSync(join(tmpdir(), 'mtscope-'))
  const opened: UserStore[] = []
  return {
    path,
    open: ({ follow = false, first = [], settings = [] } = {}) => {
      const keeper = fileKeeper({ dataDir: path, logger: silent, first: () => first, follow })
      const store = userStore(
        keeper,
        () => settings,
        () => 1_795_000_000_000,
      )
      opened.push(store)
      return store
    },
    [Symbol.asyncDispose]: async () => {
      for (const store of opened) await store.close()
      rmSync(path, { recursive: true, force: true })
    },
  }
}

const refused = async (code: UserErrorCode, act: () => unknown): Promise<string> => {
  try {
    await act()
  } catch (error) {
    if (!(error instanceof UserError)) throw error
    assert.is(error.code, code, error.message)
    return error.message
  }
  throw new Error(`it was not refused with ${code}`)
}

const names = (store: UserStore): readonly string[] => store.list().map(({ name }) => name)

test('a user is added, changed, rotated and removed, and another program reads it', async () => {
  await using at = world()
  const store = at.open()
  const added = await store.add({ name: 'Alice', limits: { quotaDay: 5_000 } }, 'cli')
  assert.equal([added.enabled, added.by, added.limits], [true, 'cli', { quotaDay: 5_000 }])
  assert.is(at.open().get('ALICE')?.secret.hex(), added.secret.hex())
  await store.change('alice', { enabled: false, limits: { rateUp: 4_096, quotaDay: undefined } }, 'token')
  const changed = at.open().get('alice')
  assert.equal([changed?.enabled, changed?.by, changed?.limits], [false, 'token', { rateUp: 4_096 }])
  const rotated = await store.rotate('alice', 'cli')
  assert.is.not(rotated.secret.hex(), added.secret.hex())
  assert.is(at.open().get('alice')?.secret.hex(), rotated.secret.hex())
  await store.remove('alice', 'cli')
  assert.equal(names(at.open()), [])
})

test('the file and its lock are readable by their owner only, and no draft stays', async () => {
  await using at = world()
  await at.open().add({ name: 'alice' }, 'cli')
  assert.equal(readdirSync(at.path).sort(), ['users.json', 'users.lock'])
  assert.ok(readdirSync(at.path).every((file) => (statSync(join(at.path, file)).mode & 0o777) === 0o600))
})

test('what is wrong is refused with a code, and changes nothing', async () => {
  await using at = world()
  const bob: User = { name: 'bob', secret: strongSecret(), enabled: true, limits: {} }
  const store = at.open({ settings: [bob] })
  const alice = await store.add({ name: 'alice' }, 'cli')
  const before = readFileSync(join(at.path, 'users.json'), 'utf8')
  await refused('ERR_USER_NAME', () => store.add({ name: '\u202eevil' }, 'cli'))
  await refused('ERR_USER_NAME', () => store.add({ name: 'Other' }, 'cli'))
  await refused('ERR_USER_EXISTS', () => store.add({ name: 'ＡLICE' }, 'cli'))
  await refused('ERR_USER_OF_SETTINGS', () => store.add({ name: 'Bob' }, 'cli'))
  await refused('ERR_USER_OF_SETTINGS', () => store.remove('bob', 'cli'))
  await refused('ERR_USER_UNKNOWN', () => store.rotate('carol', 'cli'))
  for (const { secret } of [alice, bob])
    await refused('ERR_USER_SECRET_TAKEN', () => store.add({ name: 'carol', secret }, 'cli'))
  await refused('ERR_USER_NAME', () => store.put([{ name: 'carol' }, { name: '' }], 'cli'))
  assert.is(readFileSync(join(at.path, 'users.json'), 'utf8'), before)
})

test('two stores that write in turn lose no user', async () => {
  await using at = world()
  const [one, other] = [at.open(), at.open({ follow: true })]
  await Promise.all(
    Array.from({ length: 20 }, (_, n) => (n % 2 ? one : other).add({ name: `user${n}` }, 'cli')),
  )
  assert.is(names(at.open()).length, 20)
})

test('a running appliance reports the changes of another program with their fields', async () => {
  await using at = world()
  const running = at.open({ follow: true })
  const seen: string[] = []
  running.subscribe((changes) =>
    seen.push(...changes.map(({ type, user, fields }) => `${type} ${user.name} ${fields}`)),
  )
  const other = at.open()
  await other.add({ name: 'alice' }, 'cli')
  running.refresh()
  await other.rotate('alice', 'cli')
  await other.change('alice', { enabled: false, limits: { maxConnections: 3 } }, 'cli')
  running.refresh()
  await other.change('alice', { enabled: false }, 'cli')
  running.refresh()
  await other.remove('alice', 'cli')
  running.refresh()
  assert.equal(seen, ['added alice ', 'changed alice secret,enabled,limits', 'removed alice '])
})

test('changes while no appliance ran are reported at its next start', async () => {
  await using at = world()
  const first = at.open({ follow: true })
  await first.put([{ name: 'alice' }, { name: 'bob' }], 'cli')
  await first.close()
  const other = at.open()
  await other.remove('alice', 'cli')
  await other.change('bob', { enabled: false }, 'cli')
  const shown = ({ type, user }: UserChange): string => `${type} ${user.name}`
  assert.equal(at.open({ follow: true }).missed.map(shown), ['changed bob', 'removed alice'])
  assert.equal(at.open({ follow: true }).missed.map(shown), [])
})

test('the generated user is the first of the store and can be removed', async () => {
  await using at = world()
  const secret = strongSecret()
  const generated: ManagedUser = {
    ...{ name: 'user1', secret, enabled: true, limits: {} },
    ...{ addedAt: 0, changedAt: 0, by: 'generated' },
  }
  const store = at.open({ first: [generated] })
  assert.equal(names(store), ['user1'])
  await store.add({ name: 'alice' }, 'cli')
  assert.is(
    at
      .open({ first: [generated] })
      .get('user1')
      ?.secret.hex(),
    secret.hex(),
  )
  await store.remove('user1', 'cli')
  assert.equal(names(at.open({ first: [generated] })), ['alice'])
})

const damages: Readonly<Record<string, (text: string) => string>> = {
  'half a file': (text) => text.slice(0, text.length / 2),
  nothing: () => '',
  'another version': (text) => text.replace('"version":1', '"version":2'),
  'a weak secret': (text) => text.replace(/"secret":"[0-9a-f]{32}"/, `"secret":"${'0'.repeat(32)}"`),
  'a name that forges a line': (text) => text.replace('"alice"', '"al\\nice"'),
  'an unknown limit': (text) => text.replace('"limits":{}', '"limits":{"quotaYear":1}'),
  'a limit of a wrong type': (text) => text.replace('"limits":{}', '"limits":{"quotaDay":{}}'),
  'two equal names': (text) => text.replace('"bob"', '"Alice"'),
  'a text for a flag': (text) => text.replace('"enabled":true', '"enabled":"no"'),
  'a list of anything': () => '{"version":1,"users":[null,7,[]]}',
}

for (const [what, damage] of Object.entries(damages)) {
  test(`${what}: the last good users stay in force, also after a restart; a command refuses it`, async () => {
    await using at = world()
    const file = join(at.path, 'users.json')
    const running = at.open({ follow: true })
    await running.put([{ name: 'alice' }, { name: 'bob' }], 'cli')
    const good = readFileSync(file, 'utf8')
    const broken = damage(good)
    assert.is.not(broken, good)
    writeFileSync(file, broken)
    for (const store of [running, at.open({ follow: true })]) {
      store.refresh()
      store.refresh()
      assert.equal(names(store), ['alice', 'bob'])
      assert.is(store.health().damage.file, 1)
      assert.match(store.health().problem ?? '', /users\.json/)
      await refused('ERR_USERS_DAMAGED', () => store.add({ name: 'carol' }, 'cli'))
    }
    const message = await refused('ERR_USERS_DAMAGED', () => at.open())
    for (const { secret } of running.list()) assert.not(message.includes(secret.hex()))
    writeFileSync(file, good)
    running.refresh()
    assert.is(running.health().problem, null)
  })
}

test('a file that was removed leaves its users in force', async () => {
  await using at = world()
  const running = at.open({ follow: true })
  await running.add({ name: 'alice' }, 'cli')
  rmSync(join(at.path, 'users.json'))
  for (const store of [running, at.open({ follow: true })]) {
    store.refresh()
    assert.equal(names(store), ['alice'])
    assert.match(store.health().problem ?? '', /missing/)
  }
})

test('a file that cannot be written is one clear line with a code, and changes nothing', async () => {
  await using at = world()
  const store = at.open()
  mkdirSync(join(at.path, `users.json.${process.pid}.new`, 'full'), { recursive: true })
  await refused('ERR_USERS_UNWRITABLE', () => store.add({ name: 'alice' }, 'cli'))
  assert.equal(names(store), [])
})

test('no print of a user has its secret', () => {
  const secret = new Secret(Buffer.from('00112233445566778899aabbccddee0f', 'hex'))
  const user: ManagedUser = {
    ...{ name: 'alice', secret, enabled: true, limits: {} },
    ...{ addedAt: 0, changedAt: 0, by: 'cli' },
  }
  for (const text of [inspect(user), JSON.stringify(user), String(user)])
    assert.not(text.includes(secret.hex().slice(0, 8)))
})

test.run()
