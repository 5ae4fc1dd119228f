import { once } from 'node:events'
import { writeFile } from 'node:fs/promises'
import { connect } from 'node:net'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { connectClient } from '../kit/client/client.ts'
import { startAppliance } from '../kit/processes/harness.ts'
import { fakeDatacenter } from '../kit/servers/fake-datacenter.ts'
import { until } from '../until.ts'

for (const portable of ['false', 'true']) {
  test(`a list blocks and unblocks clients without a restart, PORTABLE_RELAY=${portable}`, async () => {
    await using datacenter = await fakeDatacenter()
    await using proxy = await startAppliance({
      datacenters: { 2: datacenter },
      env: { PORTABLE_RELAY: portable, BLOCK_LISTS: 'blocked.txt', LIST_REFRESH: '10m' },
    })
    const loaded = (networks: number) => async () =>
      (await proxy.metric('mtscope_list_networks', { list: 'block' })) === networks
    const blocked = () => proxy.metric('mtscope_handshakes_rejected_total', { reason: 'blocked' })
    assert.ok(proxy.lines.some((line) => line.includes('list-not-loaded') && line.includes('ENOENT')))
    {
      await using client = await connectClient({ mode: 'secure', port: proxy.port, secret: proxy.secret })
      await client.reqPq()
    }
    await writeFile(join(proxy.folder, 'blocked.txt'), '# ours\n127.0.0.0/8\n')
    proxy.signal('SIGHUP')
    await until(loaded(1), 'the list is in use')
    const before = await blocked()
    const socket = connect(proxy.port, '127.0.0.1')
    socket.write('GET / HTTP/1.1\r\nHost: a\r\n\r\n')
    await until(async () => (await blocked()) === before + 1, 'the refusal is counted')
    socket.destroy()
    await writeFile(join(proxy.folder, 'blocked.txt'), '203.0.113.0/24\n192.0.2.0/24\n')
    proxy.signal('SIGHUP')
    await until(loaded(2), 'the new list is in use')
    await using client = await connectClient({ mode: 'secure', port: proxy.port, secret: proxy.secret })
    await client.reqPq()
  })
}

test('with BLOCKED_CLIENTS=close a client outside of ALLOW_LISTS is closed', async () => {
  await using datacenter = await fakeDatacenter()
  await using proxy = await startAppliance({
    datacenters: { 2: datacenter },
    env: { ALLOW_LISTS: 'missing.txt', BLOCKED_CLIENTS: 'close' },
  })
  const socket = connect(proxy.port, '127.0.0.1')
  socket.resume()
  socket.on('error', () => {})
  await once(socket, 'close')
  await until(
    async () => (await proxy.metric('mtscope_handshakes_rejected_total', { reason: 'blocked' })) === 1,
    'the refusal is counted',
  )
  await until(
    async () => (await proxy.status()).alerts.some(({ rule }) => rule === 'list-stale'),
    'the missing list raises an alert',
  )
})

test.run()
