import { randomBytes } from 'node:crypto'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { selfSigned } from '../../compose/test/kit/servers/certificate.ts'
import { tcpSite, tlsSite } from '../../compose/test/kit/servers/site.ts'
import { startCaddy } from '../../compose/test/services/caddy.ts'
import { startNginx } from '../../compose/test/services/nginx.ts'
import { freePorts } from '../../compose/test/services/ports.ts'
import { fullRecords, mostRecord } from '../wire/records.ts'
import { measureRecords } from './measure-records.ts'

const name = 'mask.test'
const signal = (): AbortSignal => AbortSignal.timeout(60_000)
const page = randomBytes(100_000)

for (const [size, sizes] of [
  ['16k', [mostRecord]],
  ['4k', [4_096 + 17]],
] as const) {
  test(`nginx with records of ${size} is measured so, by port and by Unix socket`, async () => {
    const [port = 0] = await freePorts(1)
    await using site = await startNginx({
      ...selfSigned(name),
      listen: (folder) => [`127.0.0.1:${port} ssl proxy_protocol`, `unix:${folder}/s.sock ssl`],
      more: [`ssl_buffer_size ${size};`],
      files: { 'index.html': Buffer.concat([page, page]) },
    })
    for (const at of [
      { host: '127.0.0.1', port, proxyProtocol: true },
      { host: `${site.folder}/s.sock`, port: 0 },
    ]) {
      const records = await measureRecords({ ...at, name, signal: signal() })
      assert.equal(records?.sizes, sizes)
      assert.is(records?.restartMs, null)
    }
  })
}

test('Caddy, whose records grow by a packet once, is measured so', async () => {
  const [port = 0] = await freePorts(1)
  const files = { 'index.html': Buffer.concat([page, page, page, page]) }
  await using _site = await startCaddy({ port, ...selfSigned(name), files })
  const records = await measureRecords({ host: '127.0.0.1', port, name, signal: signal() })
  assert.ok(records !== null)
  const { sizes, restartMs } = records
  assert.ok(sizes[0]! < 1_500 && sizes.length > 5 && sizes.length < 30, `${sizes}`)
  assert.equal([sizes.at(-1), restartMs], [mostRecord, null])
})

test('a short page, a site without TLS and an absent one are not measured', async () => {
  await using short = await tlsSite(name)
  await using plain = await tcpSite((socket) => socket.end('HTTP/1.1 400 Bad Request\r\n\r\n'))
  const [gone = 0] = await freePorts(1)
  for (const port of [short.port, plain.port, gone])
    assert.is(await measureRecords({ host: '127.0.0.1', port, name, signal: signal() }), null)
  assert.is(
    await measureRecords({ host: '127.0.0.1', port: short.port, name, signal: AbortSignal.abort() }),
    null,
  )
  assert.equal(fullRecords.sizes, [16_384])
})

test.run()
