import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { exampleFolder } from '../../compose/test/kit/examples/doctor-example.ts'
import { readConfig } from '../config/config.ts'
import type { ProxyEvent } from '../events/contract.ts'
import { openUserStore } from '../user-store/open.ts'
import { watchUserStore } from './user-changes.ts'
import { currentUsers } from './users.ts'

const secret = 'b7c1905e3f62d84a19e07bc5d2f8436a'
const silent = (): void => {}
const secrets: Readonly<Record<string, string>> = {
  Ann: '5e1d08c7a94b3f62d0187ce59a2b4f36',
  bob: 'c2f790ab1de4583671b90c4e8fd2a53b',
  carol: '97d3e04b5fa82c61e80d1b743ca6f592',
}
const usersJson = (...names: string[]): string =>
  JSON.stringify({
    version: 1,
    users: names.map((name) => ({ name, secret: secrets[name] })),
  })

/** The users of a proxy with the user `ann` in its settings, and with these in its store. */
const opened = async (...names: string[]) => {
  const folder = exampleFolder({ 'users.json': usersJson(...names) })
  const read = readConfig({ DATA_DIR: folder.path, USER1_NAME: 'ann', USER1_SECRET: secret }, '')
  if (!read.ok) throw new Error(read.mistakes.join('; '))
  const { config } = read
  const store = await openUserStore({ config, logger: silent, ofSettings: () => config.users, follow: true })
  return {
    folder,
    store,
    users: currentUsers({ config }, store, { forRelay: () => [] }, silent),
    write: (text: string): void => {
      writeFileSync(join(folder.path, 'users.json'), text)
      store.refresh()
    },
    [Symbol.asyncDispose]: async () => {
      await store.close()
      folder[Symbol.dispose]()
    },
  }
}

test('a clash with the settings counts once, however often the users are gathered, and is gone with its cause', async () => {
  await using at = await opened('Ann', 'bob')
  assert.equal(
    at.users.all.map(({ name, source }) => `${name} ${source}`),
    ['ann setting', 'bob store'],
  )
  at.write(usersJson('Ann', 'bob', 'carol'))
  assert.equal([at.users.report().damage.clash, at.users.report().readable], [1, false])
  assert.is(at.users.problem(), 'clash')
  at.write(usersJson('bob'))
  assert.equal([at.users.report().damage.clash, at.users.report().readable], [1, true])
  assert.is(at.users.problem(), null)
})

test('users.read is emitted at the start, and when the problem of the store changes', async () => {
  await using at = await opened('bob')
  const events: ProxyEvent[] = []
  const stopping = new AbortController()
  const look = watchUserStore(at.users, (...more) => events.push(...more), stopping.signal)
  look()
  at.write('damaged')
  look()
  look()
  at.write(usersJson('bob', 'carol'))
  look()
  stopping.abort()
  assert.equal(
    events.map((event) => (event.type === 'users.read' ? [event.users, event.problem] : [])),
    [
      [1, undefined],
      [1, 'file'],
      [2, undefined],
    ],
  )
})

test.run()
