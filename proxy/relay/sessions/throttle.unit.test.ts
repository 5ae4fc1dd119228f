import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { relayed, relaying, secret } from '../../../compose/test/kit/relay/hand-relay.ts'
import type { LimitedUser } from '../../user-limits/limited-user.ts'

const limited: LimitedUser = {
  slot: 1,
  maxConnections: null,
  addresses: null,
  rateUp: 1_000,
  rateDown: 1_000,
  modes: null,
  networks: null,
  hasQuota: false,
}

for (const direction of ['down', 'up'] as const)
  test(`${direction}: a link that has taken everything does not end the wait for the rate`, () => {
    const proxy = relaying({ users: [{ name: 'one', secret, limited }] })
    const [client, datacenter] = relayed(proxy)
    const [from, to] = direction === 'down' ? [datacenter, client] : [client, datacenter]
    let resumed = 0
    // A stream of a middle proxy delivers what it holds within this call.
    Object.assign(from, { resume: () => resumed++ })
    to.block()
    from.sends('x'.repeat(1_500))
    to.unblock()
    assert.is(resumed, 0)
    proxy.at(1_000)
    assert.is(resumed, 0)
    proxy.at(2_000)
    assert.is(resumed, 1)
  })

test.run()
