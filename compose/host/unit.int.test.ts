import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir, userInfo } from 'node:os'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { quiet } from '../test/kit/processes/quiet.ts'
import { skipUnless } from '../test/kit/skip.ts'
import { ensure } from '../test/services/debian.ts'
import { unitFor } from './unit.ts'

const root = join(import.meta.dirname, '../..')
const analyze = ensure('systemd-analyze', 'systemd')
const it = skipUnless(test, analyze !== null, 'systemd-analyze is missing')

// Characters that are special to systemd, a shell or both.
const odd = `100% o"d\\d $HOME, Ann's`
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

/** The complaints of systemd-analyze about a unit; empty when it accepts it. */
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

/** The values that systemd prints under `name` after reading a unit. It refuses root, hence the new user namespace. */
const readBySystemd = (text: string, name: string): string[] => {
  using at = folder()
  writeFileSync(join(at.path, 'mtscope.service'), text)
  writeFileSync(join(at.path, 'mtscope.target'), '[Unit]\nWants=mtscope.service\n')
  const { stdout } = spawnSync(
    'unshare',
    [
      '--user',
      '/lib/systemd/systemd',
      '--test',
      '--system',
      '--unit=mtscope.target',
      '--no-pager',
      '--log-target=console',
    ],
    { encoding: 'utf8', env: { PATH: process.env.PATH, SYSTEMD_UNIT_PATH: at.path } },
  )
  const [, ours = ''] = stdout.split('-> Unit mtscope.service:')
  const [service = ''] = ours.split('-> Unit ')
  return [...service.matchAll(new RegExp(`^\\s*${name}: (.*)$`, 'gm'))].map(([, value]) => String(value))
}

it('systemd accepts the unit, also with special characters in the path', () => {
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

it('systemd reads each path as it is written', () => {
  const there = `/opt/${odd}`
  const text = unit({ root: there, node: `${there}/node`, dataDir: `${there}/data` })
  assert.equal(readBySystemd(text, 'WorkingDirectory'), [there])
  assert.equal(readBySystemd(text, 'ReadWritePaths'), [`${there}/data ${there}/node_modules/.cache/node`])
  assert.is(readBySystemd(text, 'Environment')[0], `NODE_COMPILE_CACHE=${there}/node_modules/.cache/node`)
  // As it prints them: quoted as in the unit.
  const commands = readBySystemd(text, 'Command Line').filter((line) => line.includes('appliance.ts'))
  assert.is(commands.length, 2)
  for (const command of commands) assert.match(command, /^\/bin\/sh -c "exec /)
})

test('the unit may bind a low port only where one is set, and may write to its own folders only', () => {
  assert.equal(valuesOf(unit(), 'AmbientCapabilities'), [''])
  assert.equal(valuesOf(unit({ port: 443 }), 'AmbientCapabilities'), ['CAP_NET_BIND_SERVICE'])
  assert.equal(valuesOf(unit({ dataDir: '/srv/d' }), 'ReadWritePaths'), [
    `"/srv/d" "${root}/node_modules/.cache/node"`,
  ])
  assert.equal(valuesOf(unit({ drainSeconds: 45 }), 'TimeoutStopSec'), ['60'])
})

/** The words of a command line of a unit: systemd.syntax(7). */
const wordsOf = (command: string): string[] =>
  [...command.matchAll(/"((?:[^"\\]|\\.)*)"|([^\s"]+)/g)].map(([, quoted, bare = '']) =>
    (quoted?.replace(/\\(.)/g, '$1') ?? bare).replaceAll('%%', '%').replaceAll('$$', '$'),
  )

test('a shell runs a program whose path has a quote, with the same arguments', () => {
  using at = folder()
  const there = join(at.path, odd)
  mkdirSync(there)
  writeFileSync(join(there, 'node'), '#!/bin/sh\nprintf "%s\\n" "$0" "$@"\n', { mode: 0o755 })
  const [command = ''] = valuesOf(unit({ root: there, node: join(there, 'node') }), 'ExecStart')
  const [program = '', ...words] = wordsOf(command)
  const { stdout, stderr } = spawnSync(program, words, { encoding: 'utf8' })
  assert.is(stdout, `${there}/node\n${there}/compose/appliance.ts\n`, stderr)
})

test('the commands of the unit run the appliance with the environment of the unit alone', async () => {
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
  const [, words] = commands.map(wordsOf)
  const child = spawn(words![0]!, words!.slice(1), { cwd: at.path, env, stdio: ['ignore', 'pipe', 'ignore'] })
  let printed = ''
  child.stdout.setEncoding('utf8').on('data', (more: string) => {
    const before = printed
    printed += more
    if (!before.includes(' info ready ') && printed.includes(' info ready ')) child.kill('SIGTERM')
  })
  const [code] = (await once(child, 'close')) as [number | null]
  assert.is(code, 0, printed)
  assert.match(printed, / info stopped/)
})

const printUnit = (env: Record<string, string>, ...words: string[]) =>
  spawnSync(process.execPath, [join(root, 'compose/host/print-unit.ts'), ...words], {
    encoding: 'utf8',
    env: { PATH: process.env.PATH, ...env },
  })

test('run by root, it refuses and prints the steps', () => {
  const { status, stdout, stderr } = printUnit({})
  if (process.getuid?.() === 0) {
    assert.is(status, 1)
    assert.match(stderr, /as root|owns this folder/)
    assert.match(stderr, /npm run -s unit.*\n.*systemctl/)
    assert.is(stdout, '')
  } else assert.match(stdout, `User=${userInfo().username}`)
})

test('it refuses settings that only the shell has, and unknown options', () => {
  const set = printUnit({ MTPROTO_PORT: '443', USER1_NAME: 'alice' })
  assert.is(set.status, 2)
  assert.match(set.stderr, /MTPROTO_PORT: write it to .*\.env[\s\S]*USER1_NAME/)
  assert.not.match(set.stderr, '443')
  const bogus = printUnit({}, '--bogus')
  assert.is(bogus.status, 2)
  assert.match(bogus.stderr, 'unknown option --bogus')
  const help = printUnit({}, '--help')
  assert.is(help.status, 0)
  assert.match(help.stdout, 'systemctl')
})

test('the printed shell commands can be pasted, whatever the name of the folder', () => {
  using at = folder()
  // Node runs no module below a folder with a backslash.
  const there = join(at.path, odd.replaceAll('\\', ''))
  symlinkSync(root, there)
  const flags = ['--preserve-symlinks', '--preserve-symlinks-main']
  const { stdout } = spawnSync(
    process.execPath,
    [...flags, join(there, 'compose/host/print-unit.ts'), '--help'],
    {
      encoding: 'utf8',
    },
  )
  const [, written] = /^ {2}(?:cd|mv) (.+?)(?: \/opt\/mtscope)? && /m.exec(stdout) ?? []
  assert.is(spawnSync('/bin/sh', ['-c', `printf %s ${written}`], { encoding: 'utf8' }).stdout, there)
})

test.run()
