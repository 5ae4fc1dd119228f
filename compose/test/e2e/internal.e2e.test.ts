import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { breaking } from '../../proofs/drill/breaking.ts'
import { connectClient } from '../kit/client/client.ts'
import { startAppliance } from '../kit/processes/harness.ts'
import { fakeDatacenter } from '../kit/servers/fake-datacenter.ts'
import { until } from '../until.ts'

// An exception in our own code in a real process: event, metric, alert and log line, and every other client is served.

for (const portable of ['false', 'true']) {
  test(`an exception in our code closes one connection with reason internal (PORTABLE_RELAY=${portable})`, async () => {
    const fault = breaking(`e2e-${portable}`)
    using _ = { [Symbol.dispose]: fault.stop }
    await using dc = await fakeDatacenter()
    await using proxy = await startAppliance({
      datacenters: { 2: [dc] },
      env: { ...fault.env, PORTABLE_RELAY: portable, WORKERS: '1' },
    })
    const { port, secret } = proxy
    await using before = await connectClient({ port, secret, mode: 'secure' })
    await before.reqPq()
    const clean = await proxy.metrics()
    assert.match(clean, /^mtscope_internal_errors_total(\{[^}]*\})? 0$/m)

    fault.start()
    const cut = await connectClient({ port, secret, mode: 'secure' })
    await cut.closed
    fault.stop()

    await using after = await connectClient({ port, secret, mode: 'secure' })
    await Promise.all([after.reqPq(), before.reqPq()])
    await until(
      async () => /^mtscope_internal_errors_total(\{[^}]*\})? 1$/m.test(await proxy.metrics()),
      'the metric counts it',
    )
    assert.match(
      await proxy.metrics(),
      /^mtscope_connections_closed_total\{[^}]*by="proxy"[^}]*phase="hello"[^}]*reason="internal"[^}]*\} 1$/m,
    )
    const raised = async () =>
      (await proxy.status()).alerts.some(
        ({ rule, clearedAt }) => rule === 'internal-error' && clearedAt === null,
      )
    await until(raised, 'the alert')
    const line = proxy.lines.find((text) => text.includes('relay-fault')) ?? ''
    assert.match(line, /error relay-fault message="Error: broken by the drill\\n.*handshake\.ts/)
  })
}

test.run()
