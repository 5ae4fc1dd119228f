import { randomBytes } from 'node:crypto'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { connectClient } from '../kit/client/client.ts'
import { recordLengths } from '../kit/client/tls-client.ts'
import { startAppliance } from '../kit/processes/harness.ts'
import { selfSigned } from '../kit/servers/certificate.ts'
import { fakeDatacenter } from '../kit/servers/fake-datacenter.ts'
import { startNginx } from '../services/nginx.ts'
import { until } from '../until.ts'

const most = (lengths: readonly number[]): number => Math.max(...lengths)

test('a client gets records as long as those of the site, which are measured by a download, and full ones with max', async () => {
  await using datacenter = await fakeDatacenter()
  await using site = await startNginx({
    ...selfSigned('b.test'),
    listen: (folder) => [`unix:${folder}/b.sock ssl`],
    more: ['ssl_buffer_size 4k;'],
    files: { 'index.html': randomBytes(200_000) },
  })
  for (const wanted of ['origin', 'max']) {
    await using proxy = await startAppliance({
      datacenters: { 2: datacenter },
      env: {
        RECORD_SIZES: wanted,
        TLS_DOMAIN: 'a.test,b.test',
        MASK_HOSTS: `a.test=off,b.test=unix:${site.folder}/b.sock`,
      },
    })
    const downloaded = async (domain: string): Promise<number[]> => {
      const parts: Buffer[] = []
      await using client = await connectClient({
        mode: 'tls',
        port: proxy.port,
        secret: proxy.secret,
        domain,
        tap: (bytes) => parts.push(Buffer.from(bytes)),
      })
      parts.length = 0
      await client.reqPq()
      await client.download(3_000_000)
      return recordLengths(Buffer.concat(parts))
    }
    if (wanted === 'max') {
      assert.is(most(await downloaded('b.test')), 16_384)
      continue
    }
    const ofSite = await until(async () => {
      const lengths = await downloaded('b.test')
      return most(lengths) === 4_113 ? lengths : undefined
    }, 'the records are those of the site')
    assert.ok(ofSite.filter((length) => length === 4_113).length > 100)
    // Not measured: small records at first, then full ones.
    const usual = await downloaded('a.test')
    const firstLarge = usual.findIndex((length) => length > 1_386)
    assert.ok(firstLarge >= 40, `${usual.slice(0, 50)}`)
    assert.is(most(usual.slice(0, 80)), 4_246)
    assert.is(most(usual), 16_401)
  }
})

test.run()
