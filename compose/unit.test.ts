import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir, userInfo } from 'node:os'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { ensure } from './services/debian.ts'
import { quiet } from './testing/quiet.ts'
import { skipUnless } from './testing/skip.ts'
import { unitFor } from './unit.ts'

const root = join(import.meta.dirname, '..')
const analyze = ensure('systemd-analyze', 'systemd')
const it = skipUnless(test, analyze !== null, 'systemd-analyze is missing')

const odd = 'a folder of 100% oddness'
const unit = (changed: Partial<Parameters<typeof unitFor>[0]> = {}): string =>
  unitFor({
    root,
    node: process.execPath,
    user: userInfo().username,
    dataDir: join(root, 'data'),
    port: 8080,
    drainSeconds: 30,
    ...changed,
  })
const valuesOf = (text: string, name: string): string[] =>
  [...text.matchAll(new RegExp(`^${name}=(.*)$`, 'gm'))].map(([, value]) => String(value))

const folder = () => {
  const path = mkdtempSync(join(tmpdir(), 'mtscope-unit-'))
  return { path, [Symbol.dispose]: () => rmSync(path, { recursive: true, force: true }) }
}

/** What systemd says against a unit. */
const verified = (text: string): string => {
  using at = folder()
  const file = join(at.path, 'mtscope.service')
  writeFileSync(file, text)
  const { stderr } = spawnSync(analyze!, ['verify', '--man=no', file], { encoding: 'utf8' })
  return stderr
    .split('\n')
    .filter((line) => line.includes('mtscope.service'))
    .join('\n')
}

it('systemd has nothing against the unit, also where the folder has an odd name', () => {
  using at = folder()
  const there = join(at.path, odd)
  mkdirSync(there)
  symlinkSync(process.execPath, join(there, 'node'))
  assert.is(verified(unit()), '')
  assert.is(
    verified(unit({ root: there, node: join(there, 'node'), dataDir: '/var/lib/mtscope', port: 443 })),
    '',
  )
  assert.match(verified(unit().replace('PrivateTmp=yes', 'PrivateTemp=yes')), 'PrivateTemp')
})

test('it has the right to a low port only where it asks for one, and may write to its own folders only', () => {
  assert.equal(valuesOf(unit(), 'AmbientCapabilities'), [''])
  assert.equal(valuesOf(unit({ port: 443 }), 'AmbientCapabilities'), ['CAP_NET_BIND_SERVICE'])
  assert.equal(valuesOf(unit({ dataDir: '/srv/d' }), 'ReadWritePaths'), [
    `"/srv/d" "${root}/node_modules/.cache/node"`,
  ])
  assert.equal(valuesOf(unit({ drainSeconds: 45 }), 'TimeoutStopSec'), ['60'])
})

test('its commands run the appliance, with nothing but what the unit sets', async () => {
  using at = folder()
  const text = unit()
  const env: Record<string, string> = { ...quiet, DATA_DIR: join(at.path, 'data') }
  for (const line of valuesOf(text, 'Environment'))
    for (const [, quoted, bare] of line.matchAll(/"([^"]*)"|(\S+)/g)) {
      const [, name = '', value = ''] = /^([^=]+)=(.*)$/.exec(quoted ?? bare ?? '') ?? []
      env[name] = value
    }
  assert.match(env.NODE_OPTIONS ?? '', '--max-semi-space-size')
  const commands = [...valuesOf(text, 'ExecStartPre'), ...valuesOf(text, 'ExecStart')]
  assert.is(commands.length, 2)
  const [, words] = commands.map((command) =>
    [...command.matchAll(/"([^"]*)"/g)].map(([, one]) => String(one)),
  )
  const child = spawn(words![0]!, words!.slice(1), { cwd: at.path, env, stdio: ['ignore', 'pipe', 'ignore'] })
  let said = ''
  child.stdout.setEncoding('utf8').on('data', (more: string) => {
    const before = said
    said += more
    if (!before.includes(' info ready ') && said.includes(' info ready ')) child.kill('SIGTERM')
  })
  const [code] = (await once(child, 'close')) as [number | null]
  assert.is(code, 0, said)
  assert.match(said, / info stopped/)
})

const service = (env: Record<string, string>, ...words: string[]) =>
  spawnSync(process.execPath, [join(root, 'compose/service.ts'), ...words], {
    encoding: 'utf8',
    env: { PATH: process.env.PATH, ...env },
  })

test('root is told to give the folder to somebody, and how to go on', () => {
  const { status, stdout, stderr } = service({})
  if (process.getuid?.() === 0) {
    assert.is(status, 1)
    assert.match(stderr, /as root|that of uid/)
    assert.match(stderr, /npm run -s service.*\n.*systemctl/)
    assert.is(stdout, '')
  } else assert.match(stdout, `User=${userInfo().username}`)
})

test('a setting that only this shell has, and a word that is not known, are refused', () => {
  const set = service({ MTPROTO_PORT: '443', USER1_NAME: 'alice' })
  assert.is(set.status, 2)
  assert.match(set.stderr, /MTPROTO_PORT: write it to .*\.env[\s\S]*USER1_NAME/)
  assert.not.match(set.stderr, '443')
  const bogus = service({}, '--bogus')
  assert.is(bogus.status, 2)
  assert.match(bogus.stderr, '--bogus is not known')
  const help = service({}, '--help')
  assert.is(help.status, 0)
  assert.match(help.stdout, 'systemctl')
})

test.run()
