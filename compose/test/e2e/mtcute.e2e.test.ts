import { randomBytes } from 'node:crypto'
import { BaseTelegramClient, MemoryStorage, MtProxyTcpTransport } from '@mtcute/node'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { startAppliance } from '../kit/processes/harness.ts'
import { fakeDatacenter } from '../kit/servers/fake-datacenter.ts'
import { siteName } from '../kit/servers/site.ts'
import { until } from '../until.ts'

// An independent client library: it does not share the mistakes that our client and datacenter may have in common.

const reqDhParams = 0xd712e4be

const kinds = {
  plain: (secret: string) => secret,
  dd: (secret: string) => `dd${secret}`,
  ee: (secret: string) => `ee${secret}${Buffer.from(siteName).toString('hex')}`,
}

for (const [kind, written] of Object.entries(kinds))
  for (const FAST_MODE of ['true', 'false'])
    test(`mtcute accepts the resPQ through a ${kind} secret, FAST_MODE=${FAST_MODE}`, async () => {
      await using dc = await fakeDatacenter()
      await using proxy = await startAppliance({ datacenters: { 2: dc }, env: { FAST_MODE } })
      const opened = dc.next()
      const client = new BaseTelegramClient({
        apiId: 1,
        apiHash: randomBytes(16).toString('hex'),
        storage: new MemoryStorage(),
        logLevel: 0,
        transport: new MtProxyTcpTransport({
          host: '127.0.0.1',
          port: proxy.port,
          secret: written(proxy.secret),
        }),
      })
      try {
        const connecting = client.connect()
        connecting.catch(() => {})
        const served = await opened
        assert.is(served.dc, 2)
        assert.is(served.transport, kind === 'plain' ? 'intermediate' : 'padded-intermediate')
        // It has checked the nonce, found a known fingerprint and factored pq.
        const step = await until(() => served.nextSteps[0], 'req_DH_params')
        assert.is(step.constructor, reqDhParams)
      } finally {
        await client.destroy()
      }
    })

test.run()
