import { randomBytes } from 'node:crypto'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { connectClient } from '../kit/client/client.ts'
import { clientHello } from '../kit/client/client-hello.ts'
import { oddHellos, signedAgain } from '../kit/client/odd-hellos.ts'
import { observe } from '../kit/client/probe.ts'
import { startAppliance } from '../kit/processes/harness.ts'
import { fakeDatacenter } from '../kit/servers/fake-datacenter.ts'
import { echoSite, siteName } from '../kit/servers/site.ts'
import { until } from '../until.ts'

for (const portable of ['false', 'true']) {
  test(`a user with an unusual but signed hello is served, PORTABLE_RELAY=${portable}`, async () => {
    await using dc = await fakeDatacenter()
    await using proxy = await startAppliance({ datacenters: { 2: dc }, env: { PORTABLE_RELAY: portable } })
    const { port, secret } = proxy
    for (const postQuantum of [false, true]) {
      for (const [what, odd] of Object.entries(oddHellos)) {
        try {
          await using client = await connectClient({ mode: 'tls', port, secret, postQuantum, odd })
          await client.reqPq()
        } catch (error) {
          throw new Error(`${postQuantum ? 'post-quantum' : 'classic'}, ${what}: ${error}`)
        }
      }
    }
    const { rejections } = await proxy.status()
    assert.equal(rejections, [])
  })

  test(`the same hellos signed with another secret are fronted, PORTABLE_RELAY=${portable}`, async () => {
    await using site = await echoSite()
    await using proxy = await startAppliance({ site, env: { PORTABLE_RELAY: portable } })
    const whole = clientHello({ secret: randomBytes(16), domain: siteName })
    const unsigned = Object.values(oddHellos).map(
      (odd) => signedAgain(whole, odd(whole.bytes), randomBytes(16)).bytes,
    )
    await Promise.all(
      unsigned.map(async (bytes) => {
        const direct = await observe(site.port, [bytes, 'fin'])
        assert.equal(await observe(proxy.port, [bytes, 'fin']), direct)
      }),
    )
    const { rejections } = await until(async () => {
      const status = await proxy.status()
      return status.fronted >= unsigned.length ? status : undefined
    }, 'every one of them is counted')
    const reasons = rejections.map(({ reason }) => reason)
    assert.ok(reasons.includes('malformed-hello') && reasons.includes('bad-digest'), `${reasons}`)
  })
}

test.run()
