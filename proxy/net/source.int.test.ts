import { spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { type AddressInfo, createServer } from 'node:net'
import { networkInterfaces } from 'node:os'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { loopbackEngine } from '../../compose/test/kit/relay/loopback-engine.ts'
import type { UpstreamError } from '../events/contract.ts'
import { nativeEngine } from './epoll/engine.ts'
import type { Engine, Link, Source } from './link.ts'
import { portableEngine } from './node-net/engine.ts'

const loopback = Object.entries(networkInterfaces()).find(([, all]) =>
  all?.some(({ address }) => address === '127.0.0.1'),
)?.[0]

const dialed = (engine: Engine, port: number, source: Source): Promise<Link | UpstreamError> =>
  new Promise((resolve) => engine.dial('127.0.0.1', port, resolve, resolve, source))

for (const [name, make] of [
  ['epoll', nativeEngine],
  ['node:net', portableEngine],
] as const) {
  if (process.platform !== 'linux') continue

  test(`${name}: a connection begins at its source, by address and by interface`, async () => {
    const server = createServer().listen(0, '127.0.0.1')
    await once(server, 'listening')
    const { port } = server.address() as AddressInfo
    await using relay = await loopbackEngine(make(65_536), () => {})
    for (const source of [
      { address: '127.0.0.41', device: null },
      { address: '127.0.0.42', device: loopback ?? null },
    ]) {
      const accepted = once(server, 'connection')
      const link = await dialed(relay.engine, port, source)
      assert.ok(typeof link === 'object')
      const [socket] = await accepted
      assert.is(socket.remoteAddress, source.address)
      socket.destroy()
      link.close()
    }
    server.close()
  })

  test(`${name}: an address or an interface that this host lacks fails as no-source`, async () => {
    await using relay = await loopbackEngine(make(65_536), () => {})
    const port = 9
    assert.is(await dialed(relay.engine, port, { address: '192.0.2.77', device: null }), 'no-source')
    assert.is(await dialed(relay.engine, port, { address: '127.0.0.1', device: 'nosuchdevice' }), 'no-source')
  })
}

// The kernel's range of ports belongs to a network namespace: only one of its own can be made small.
const inNamespace = (script: string) =>
  spawnSync('unshare', ['--net', 'sh', '-c', script], { encoding: 'utf8', timeout: 60_000 })
const isRoot = process.getuid?.() === 0 && inNamespace('ip link set lo up').status === 0
const it = isRoot ? test : test.skip

it('one source address has no more connections to a destination than ports, and three have three times as many', () => {
  const program = new URL('../../compose/test/kit/relay/port-exhaustion.ts', import.meta.url).pathname
  const range = 'echo 40000 40009 > /proc/sys/net/ipv4/ip_local_port_range'
  const node = process.execArgv
    .concat(program)
    .map((word) => `'${word}'`)
    .join(' ')
  const { stdout, stderr, status } = inNamespace(
    `ip link set lo up && ${range} && '${process.execPath}' ${node}`,
  )
  assert.is(status, 0, stderr)
  const counts = JSON.parse(stdout) as Record<string, { one: number; error: string; three: number }>
  for (const [engine, { one, error, three }] of Object.entries(counts)) {
    // The listener of the engine has one of the ten.
    assert.equal([one, error, three], [9, 'no-ports', 27], engine)
  }
  assert.equal(Object.keys(counts), ['native', 'portable'])
})

test.run()
