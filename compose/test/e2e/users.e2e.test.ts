import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { readLog } from '../../../proxy/event-log/read.ts'
import { connectClient } from '../kit/client/client.ts'
import { type Appliance, startAppliance } from '../kit/processes/harness.ts'
import { usersCommand } from '../kit/processes/users-command.ts'
import { fakeDatacenter } from '../kit/servers/fake-datacenter.ts'
import { until } from '../until.ts'

type Link = { mode: string; tg: string; hex: string }

const run = async (proxy: Appliance, ...words: string[]): Promise<string> => {
  const { code, out, err } = await usersCommand(proxy.folder, words)
  assert.is(code, 0, err)
  return out
}

/** Runs a command that changes a user, and waits until the appliance has the change in force. */
const change = async (proxy: Appliance, ...words: string[]): Promise<void> => {
  const changes = (): number => proxy.lines.filter((line) => line.includes(' users-changed ')).length
  const before = changes()
  await run(proxy, ...words)
  await until(async () => changes() > before, `${words.join(' ')} is in force`)
}

/** The secret of a user, from its links. */
const secretOf = async (proxy: Appliance, name: string): Promise<string> => {
  const { links } = JSON.parse(await run(proxy, 'link', name, '--json')) as { links: Link[] }
  return links.find(({ mode }) => mode === 'secure')!.hex.slice(2)
}

const serves = (proxy: Appliance, secret: string): Promise<boolean> =>
  connectClient({ mode: 'tls', port: proxy.port, secret }).then(
    async (client) => {
      await client[Symbol.asyncDispose]()
      return true
    },
    () => false,
  )

const userEvents = (proxy: Appliance): readonly string[] => {
  using log = readLog(join(proxy.folder, 'data'))
  const events: string[] = []
  for (let rows = log.page(0); rows.length > 0; rows = log.page(rows.at(-1)!.row))
    for (const { batch } of rows)
      for (const event of batch.events)
        if (event.type.startsWith('user.') && 'user' in event) events.push(`${event.type} ${event.user}`)
  return events
}

test('mtscope users manages the users of a running appliance', async () => {
  await using dc = await fakeDatacenter()
  await using proxy = await startAppliance({ datacenters: { 2: dc }, env: { USER_DRAIN_SECONDS: '0' } })
  await run(proxy, 'add', 'alice')
  const secret = await secretOf(proxy, 'alice')
  await until(() => serves(proxy, secret), 'alice is served')

  await using open = await connectClient({ mode: 'tls', port: proxy.port, secret })
  await using ofSettings = await connectClient({ mode: 'secure', port: proxy.port, secret: proxy.secret })
  await open.reqPq()
  await ofSettings.reqPq()
  await change(proxy, 'disable', 'alice')
  // A disabled user gets no answer: its connection stays open.
  void serves(proxy, secret)
  const refused = () => proxy.metric('mtscope_handshakes_rejected_total', { reason: 'disabled' })
  await until(async () => (await refused()) > 0, 'alice is refused')
  assert.is(await open.echo(Buffer.from('gone?')).then(String, () => 'closed'), 'closed')
  await ofSettings.reqPq()

  await change(proxy, 'enable', 'alice')
  assert.ok(await serves(proxy, secret))
  await change(proxy, 'rotate', 'alice')
  const rotated = await secretOf(proxy, 'alice')
  assert.is.not(rotated, secret)
  assert.ok(await serves(proxy, rotated))
  assert.not(await serves(proxy, secret))
  await change(proxy, 'remove', 'alice')
  await until(async () => !(await serves(proxy, rotated)), 'alice is gone')

  const expected = ['user.added', 'user.changed', 'user.changed', 'user.changed', 'user.removed']
  await until(async () => userEvents(proxy).length >= expected.length, 'the events are recorded')
  assert.equal(
    userEvents(proxy),
    expected.map((type) => `${type} alice`),
  )
  const printed = proxy.lines.join('\n')
  assert.not(printed.includes(secret) || printed.includes(rotated))
})

test('open connections of a removed user go on for USER_DRAIN_SECONDS', async () => {
  await using dc = await fakeDatacenter()
  await using proxy = await startAppliance({ datacenters: { 2: dc }, env: { USER_DRAIN_SECONDS: '3600' } })
  await run(proxy, 'add', 'alice')
  const secret = await secretOf(proxy, 'alice')
  await until(() => serves(proxy, secret), 'alice is served')
  await using open = await connectClient({ mode: 'secure', port: proxy.port, secret })
  await open.reqPq()
  await run(proxy, 'remove', 'alice')
  await until(async () => !(await serves(proxy, secret)), 'alice is refused')
  assert.is(String(await open.echo(Buffer.from('still here'))), 'still here')
})

test('a damaged users.json leaves its users served, also after a restart, and is counted', async () => {
  await using dc = await fakeDatacenter()
  await using proxy = await startAppliance({ datacenters: { 2: dc } })
  await run(proxy, 'add', 'alice')
  const secret = await secretOf(proxy, 'alice')
  await until(() => serves(proxy, secret), 'alice is served')
  const file = join(proxy.folder, 'data', 'users.json')
  const good = readFileSync(file, 'utf8')
  writeFileSync(file, good.slice(0, 40))
  await until(async () => proxy.lines.some((line) => line.includes(' users-damaged ')), 'it is logged')
  assert.ok(await serves(proxy, secret))
  assert.is((await usersCommand(proxy.folder, ['list'])).code, 1)
  await proxy.stop()
  await proxy.start()
  assert.ok(await serves(proxy, secret))
  assert.is(await proxy.metric('mtscope_user_store_damage_total', { reason: 'file' }), 1)
})

test('the generated user can be rotated and removed, and export and import give the same users', async () => {
  await using dc = await fakeDatacenter()
  await using proxy = await startAppliance({ datacenters: { 2: dc }, env: { USER1_SECRET: undefined } })
  const first = await secretOf(proxy, 'user1')
  assert.ok(await serves(proxy, first))
  await run(proxy, 'add', 'alice', '--quota-month', '50G', '--networks', '192.0.2.0/24,2001:db8::/32')
  await run(proxy, 'rotate', 'user1')
  await until(async () => !(await serves(proxy, first)), 'the first secret is refused')
  const whole = await run(proxy, 'export', '--secrets')
  assert.not.match(await run(proxy, 'export'), /secret/)
  for (const name of ['user1', 'alice']) await run(proxy, 'remove', name)
  const imported = await usersCommand(proxy.folder, ['import'], { stdin: whole })
  assert.is(imported.code, 0, imported.err)
  const users = (text: string) =>
    (JSON.parse(text) as { users: { name: string; secret: string; limits: object }[] }).users.map(
      ({ name, secret, limits }) => ({ name, secret, limits }),
    )
  assert.equal(users(await run(proxy, 'export', '--secrets')), users(whole))
})

test('wrong words end with 2 and one line that gives the remedy', async () => {
  await using proxy = await startAppliance()
  const { port } = proxy
  for (const [words, message] of [
    [[], /a command is missing/],
    [['ad', 'alice'], /ad is not a command/],
    [['add'], /needs the name/],
    [['add', 'al\u202eice'], /Not a user name/],
    [['show', 'unknown'], /no user is named "unknown"/],
    [['remove', 'unknown'], /No such user: "unknown"/],
    [['limit', 'alice'], /limit needs a limit/],
    [['add', 'alice', '--max-ips', 'many'], /--max-ips must be a whole number/],
    [['list', '--secrets'], /list has no option --secrets/],
    [['link', 'alice', 'bob'], /one word too many/],
  ] as const) {
    const { code, err } = await usersCommand(proxy.folder, words, { env: { MTPROTO_PORT: `${port}` } })
    assert.is(code, 2, `${words.join(' ')}: ${err}`)
    assert.match(err, message)
    assert.is(err.trim().split('\n').length, 1, err)
  }
})

test.run()
