import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { inheritedBy, inheritedSockets } from '../../../proxy/net/inherited.ts'
import { connectClient, newSecret } from '../kit/client/client.ts'
import { quiet } from '../kit/processes/quiet.ts'
import { fakeDatacenter } from '../kit/servers/fake-datacenter.ts'
import { skipUnless } from '../kit/skip.ts'
import { find } from '../services/debian.ts'
import { freePorts } from '../services/ports.ts'
import { until } from '../until.ts'

const activate = find('systemd-socket-activate')
const it = skipUnless(test, activate !== null, 'no systemd-socket-activate')

// They would clash with LISTEN.
const { MTPROTO_PORT: _port, MTPROTO_HOST: _host, ...loopback } = quiet

for (const portable of ['false', 'true']) {
  it(`sockets of systemd serve their clients, the one that woke the proxy too (PORTABLE_RELAY=${portable})`, async () => {
    await using dc = await fakeDatacenter()
    await using stack = new AsyncDisposableStack()
    const folder = mkdtempSync(join(tmpdir(), 'mtscope-activated-'))
    stack.defer(() => rmSync(folder, { recursive: true, force: true }))
    const [tcp = 0] = await freePorts(1)
    const path = join(folder, 'proxy.sock')
    const secret = newSecret()
    const settings = {
      ...loopback,
      PATH: process.env.PATH ?? '',
      LISTEN: 'systemd:web?name=web,systemd:local?name=local',
      PORTABLE_RELAY: portable,
      DATA_DIR: join(folder, 'data'),
      MODES: 'secure',
      MASK_HOST: 'off',
      TLS_DOMAIN: 'a.test,b.test',
      MASK_HOSTS: `a.test=127.0.0.1:${tcp},b.test=unix:${path}`,
      USER1_SECRET: secret,
      TELEGRAM_DATACENTERS: `2=${dc.address}`,
      WORKERS: '2',
    }
    const passed = Object.entries(settings).flatMap(([name, value]) => ['-E', `${name}=${value}`])
    const program = [process.execPath, join(import.meta.dirname, '../../appliance.ts')]
    const sockets = ['-l', `127.0.0.1:${tcp}`, '-l', path, '--fdname=web:local']
    const child = spawn(activate!, [...sockets, ...passed, ...program], {
      cwd: folder,
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    const ended = once(child, 'close')
    stack.defer(async () => {
      child.kill('SIGKILL')
      await ended
    })
    let printed = ''
    const listening = Promise.withResolvers<void>()
    for (const stream of [child.stdout, child.stderr])
      stream.on('data', (chunk: Buffer) => {
        printed += chunk.toString()
        if (printed.includes('Listening on') && printed.includes(path)) listening.resolve()
      })
    ended.then(() => listening.reject(new Error(printed)))
    await listening.promise
    for (let i = 0; i < 4; i++) {
      await using client = await connectClient({ mode: 'secure', port: tcp, secret })
      assert.equal(await client.echo(Buffer.from('by port')), Buffer.from('by port'))
    }
    await using local = await connectClient({ mode: 'secure', port: 0, path, secret })
    assert.equal(await local.echo(Buffer.from('by path')), Buffer.from('by path'))
    // Before it is ready, SIGTERM has no handler.
    await until(() => /\sready\s/.test(printed), 'the proxy is ready')
    assert.is(printed.split('masking-host-is-this-proxy').length - 1, 2, printed)
    child.kill('SIGTERM')
    assert.equal(await ended, [0, null], printed)
  })
}

test('sockets that are for another process are not taken', () => {
  const env = { LISTEN_FDS: '2', LISTEN_PID: '77', LISTEN_FDNAMES: 'web:local' }
  assert.equal(inheritedSockets(env, 78), [])
  assert.equal(inheritedSockets(env, 77), [
    { descriptor: 3, name: 'web' },
    { descriptor: 4, name: 'local' },
  ])
  assert.equal(inheritedBy('', env, 77), [3, 4])
  assert.equal(inheritedBy('local', env, 77), [4])
  assert.throws(() => inheritedBy('other', env, 77), /got only sockets named web, local/)
  assert.throws(() => inheritedBy('web', env, 78), /got no socket from systemd/)
  assert.throws(() => inheritedBy('', { LISTEN_FDS: 'x', LISTEN_PID: '77' }, 77), /got no socket/)
})

test.run()
