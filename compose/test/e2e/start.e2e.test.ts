import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { cpSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, relative } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { connectClient } from '../kit/client/client.ts'
import { freePort } from '../kit/processes/harness.ts'
import { quiet } from '../kit/processes/quiet.ts'
import { fakeDatacenter } from '../kit/servers/fake-datacenter.ts'
import { skipUnless } from '../kit/skip.ts'
import {
  type DebianRoot,
  debianRoot,
  ensureDebianRoots,
  type Toolchain,
  toolchains,
} from '../services/debian-root.ts'

// `npm start` on a minimal Debian (debootstrap --variant=minbase) with a Node and its npm: no compiler, no git, no Python,
// no libatomic; as an unprivileged user, in a folder with spaces.

const it = skipUnless(
  test,
  ensureDebianRoots(),
  'no minimal Debian in the cache: npm run test:all makes it, as root, by debootstrap',
)
const repository = join(import.meta.dirname, '../../..')
const folder = '/home/user/my proxy (copy)'
const user = 1000

const machine = (suite: 'bookworm' | 'trixie') => {
  const place = mkdtempSync(join(tmpdir(), 'mtscope-start-'))
  const root = debianRoot(suite, join(place, 'root'))
  const run = (script: string, options: Partial<Parameters<DebianRoot['command']>[0]> = {}) => {
    const [command = '', ...args] = root.command({ script, ...options })
    return spawnSync(command, args, { encoding: 'utf8' })
  }
  return { root, run, [Symbol.dispose]: () => rmSync(place, { recursive: true, force: true }) }
}
type Machine = ReturnType<typeof machine>

/** Copies the repository as in a fresh clone. */
const bringRepository = ({ root, run }: Machine): void => {
  const without = /^(?:node_modules|\.git|data|coverage|\.env)(?:\/|$)/
  cpSync(repository, join(root.path, folder), {
    recursive: true,
    filter: (from) => !without.test(relative(repository, from)),
  })
  run(`chown -R ${user}:${user} "${folder}"`)
}

const start = `cd "${folder}" && exec npm start`

/** Starts it, relays a client, and ends it with SIGINT to the process group, as Ctrl-C in a terminal. */
const relaysAndEnds = async ({ root }: Machine, toolchain: Toolchain): Promise<void> => {
  await using dc = await fakeDatacenter()
  const port = await freePort()
  const env = { ...quiet, MTPROTO_PORT: `${port}`, TELEGRAM_DATACENTERS: `2=${dc.address}`, MODES: 'secure' }
  const [command = '', ...args] = root.command({ script: start, toolchain, user, env })
  const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'pipe'], detached: true })
  const ended = once(child, 'close') as Promise<[number | null]>
  const printed = listen(child)
  try {
    await Promise.race([printed.until(/\sready\s/), ended])
    const secret = /tg:\/\/proxy\?server=\S+&port=\d+&secret=dd([\da-f]{32})/.exec(printed.text())?.[1]
    assert.ok(secret, printed.text())
    await using client = await connectClient({ port, secret, mode: 'secure' })
    await client.reqPq()
    client.end()
    await client.closed
    process.kill(-child.pid!, 'SIGINT')
    assert.equal(await ended, [0, null], printed.text())
  } finally {
    if (child.exitCode === null && child.signalCode === null) process.kill(-child.pid!, 'SIGKILL')
    await ended
  }
}

const listen = (child: ChildProcess) => {
  let text = ''
  const found = Promise.withResolvers<void>()
  let wanted: RegExp | undefined
  for (const stream of [child.stdout!, child.stderr!])
    stream.setEncoding('utf8').on('data', (more: string) => {
      text += more
      if (wanted?.test(text)) found.resolve()
    })
  return {
    text: () => text,
    until: (pattern: RegExp): Promise<void> => {
      wanted = pattern
      if (pattern.test(text)) found.resolve()
      return found.promise
    },
  }
}

/** Without libatomic a start prints one line, and the command in it is enough. */
const missesOneLibrary = ({ run }: Machine, toolchain: Toolchain): void => {
  const tools = run('command -v cc gcc make git python3')
  assert.is(tools.stdout, '')
  for (const when of ['first', 'second']) {
    const { status, stderr } = run(start, { toolchain, user, env: quiet })
    const lines = stderr
      .split('\n')
      .filter((line) => line.startsWith('mtscope: ') && !line.includes('installing'))
    assert.is(lines.length, 1, `${when}: ${stderr}`)
    assert.match(lines[0]!, /libatomic\.so\.1, which is missing: as root, apt-get/)
    assert.is(status, 1)
    if (when === 'second') {
      const command = lines[0]!.split('as root, ')[1]!
      const installed = run(command)
      assert.is(installed.status, 0, installed.stderr)
    }
  }
}

/** `npm ci` with the development packages: npm 9 runs every script of a package. */
const installsAll = ({ run }: Machine, toolchain: Toolchain): void => {
  const { status, stderr } = run(`cd "${folder}" && npm ci`, { toolchain, user })
  assert.is(status, 0, stderr)
}

const fresh = ({ run }: Machine): void => void run(`rm -rf "${folder}/node_modules" "${folder}/data"`)

for (const [suite, wanted] of [
  ['bookworm', ['9.9.4', '10.8.2']],
  ['trixie', ['9.2.0', '10.9.4', '11.6.2', '11.19.1']],
] as const)
  it(`npm start on a minimal Debian ${suite}, with npm ${wanted.join(', ')}`, async () => {
    using at = machine(suite)
    bringRepository(at)
    const chosen = toolchains.filter(({ npm }) => wanted.some((one) => one === npm))
    assert.is(chosen.length, wanted.length)
    missesOneLibrary(at, chosen[0]!)
    fresh(at)
    if (suite === 'bookworm') installsAll(at, chosen[0]!)
    fresh(at)
    for (const toolchain of chosen) {
      await relaysAndEnds(at, toolchain)
      fresh(at)
    }
  })

test.run()
