import { randomBytes } from 'node:crypto'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { connectClient } from './client.ts'
import { clientHello } from './client-hello.ts'
import { fakeDatacenter } from './fake-datacenter.ts'
import { startAppliance } from './harness.ts'
import { oddHellos, signedAgain } from './odd-hellos.ts'
import { echoSite, siteName } from './site.ts'
import { observe } from './stranger.ts'
import { until } from './until.ts'

for (const portable of ['false', 'true']) {
  test(`a user is served whatever is wrong with a signed hello, PORTABLE_RELAY=${portable}`, async () => {
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

  test(`the same hellos with another secret’s signature are the masking host’s, PORTABLE_RELAY=${portable}`, async () => {
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
    }, 'every one of them counted')
    const reasons = rejections.map(({ reason }) => reason)
    assert.ok(reasons.includes('malformed-hello') && reasons.includes('bad-digest'), `${reasons}`)
  })
}

test.run()
