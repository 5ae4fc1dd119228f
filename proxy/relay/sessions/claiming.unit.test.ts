import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { clientHello } from '../../../compose/test/kit/client/client-hello.ts'
import { initiate } from '../../../compose/test/kit/client/obfuscation.ts'
import { domain, domainsWith, nothing, relaying, secret } from '../../../compose/test/kit/relay/hand-relay.ts'
import type { ClaimAnswer } from '../../replay-cache/redis.ts'
import { claimRequests } from '../claim-requests.ts'

const opening = (): Buffer => initiate('padded-intermediate', 2, secret).bytes
const hello = (): Buffer => clientHello({ secret, domain }).bytes

/** A relay with a shared replay cache that the test plays. */
const asking = (sharedReplay: 'local' | 'refuse' = 'local') => {
  const asked: { digest: string; answer: (is: ClaimAnswer) => void }[] = []
  const proxy = relaying({ sharedReplay }, (digest, _, answer) => {
    asked.push({ digest, answer })
  })
  const types = (): string[] => proxy.events.map(({ type }) => type)
  return { ...proxy, asked, types }
}

test('a dial goes on during the claim, and no byte passes before the answer', () => {
  const { arrives, engine, asked, types } = asking()
  const client = arrives()
  client.sends(opening())
  assert.match(asked[0]!.digest, /^[0-9a-f]{32}$/)
  const datacenter = engine.dials[0]!.connects()
  assert.is(datacenter.text, '')
  assert.not(types().includes('handshake.accepted'))
  asked[0]!.answer('new')
  assert.ok(datacenter.text.length >= 64)
  assert.equal(types().slice(-2), ['handshake.accepted', 'datacenter.dialed'])
})

test('a claim that is answered first waits for the dial', () => {
  const { arrives, engine, asked } = asking()
  const client = arrives()
  client.sends(opening())
  asked[0]!.answer('new')
  const datacenter = engine.dials[0]!.connects()
  client.sends('up')
  assert.ok(datacenter.text.length >= 64)
})

for (const [when, connects] of [
  ['before', false],
  ['after', true],
] as const) {
  test(`a handshake that another proxy has seen is fronted, answered ${when} its dial`, () => {
    const { arrives, engine, asked, events, left } = asking()
    const client = arrives()
    const sent = Buffer.concat([opening(), Buffer.from('and more')])
    client.sends(sent)
    const datacenter = connects ? engine.dials[0]!.connects() : null
    asked[0]!.answer('seen')
    if (datacenter) assert.ok(datacenter.closed && datacenter.text === '')
    const host = engine.dials.at(-1)!.connects()
    assert.is(host.text, sent.toString('latin1'))
    const rejected = events.find(({ type }) => type === 'handshake.rejected')
    assert.is(rejected?.type === 'handshake.rejected' && rejected.reason, 'replayed')
    client.breaks('reset')
    assert.equal(left(), nothing)
  })
}

test('with MASK_HOST=off a refused client is read again, so that its end is noticed', () => {
  for (const first of [opening(), hello()]) {
    const asked: ((is: ClaimAnswer) => void)[] = []
    const proxy = relaying({ sharedReplay: 'local', domains: domainsWith(null) }, (_digest, _id, answer) => {
      asked.push(answer)
    })
    const client = proxy.arrives()
    client.sends(first)
    assert.ok(client.paused)
    asked[0]!('seen')
    assert.not(client.paused)
    client.finishes()
    assert.ok(client.closed)
    assert.is(client.text, '')
    assert.equal(proxy.left(), nothing)
  }
})

test('a hello that another proxy has seen gets no answer of ours', () => {
  const { arrives, engine, asked } = asking()
  const client = arrives()
  const sent = hello()
  client.sends(sent)
  assert.is(client.text, '')
  asked[0]!.answer('seen')
  const host = engine.dials.at(-1)!.connects()
  assert.is(host.text, sent.toString('latin1'))
  assert.is(client.text, '')
})

test('a hello is answered after its claim', () => {
  const { arrives, asked } = asking()
  const client = arrives()
  client.sends(hello())
  asked[0]!.answer('new')
  assert.ok(client.text.length > 1_000)
  assert.not(client.paused)
})

test('without an answer the local cache decides, or the client is refused, and an event counts it', () => {
  for (const sharedReplay of ['local', 'refuse'] as const) {
    const { arrives, asked, events, at } = asking(sharedReplay)
    for (let i = 0; i < 3; i++) {
      arrives().sends(opening())
      asked[i]!.answer('unanswered')
    }
    at(1_500)
    const reported = events.filter(({ type }) => type === 'replay.unclaimed')
    assert.is(reported.length, 1)
    assert.is(reported[0]?.type === 'replay.unclaimed' && reported[0].count, 3)
    const accepted = events.filter(({ type }) => type === 'handshake.accepted').length
    assert.is(accepted, sharedReplay === 'local' ? 3 : 0)
    const rejected = events.flatMap((event) => (event.type === 'handshake.rejected' ? [event.reason] : []))
    assert.equal(rejected, sharedReplay === 'local' ? [] : Array(3).fill('unclaimed'))
  }
})

test('whatever happens during the claim, nothing is left, and a late answer changes nothing', () => {
  type Proxy = ReturnType<typeof asking>
  const ends: Record<string, (proxy: Proxy, client: ReturnType<Proxy['arrives']>) => void> = {
    'the client resets': (_, client) => client.breaks('reset'),
    'everything is drained': ({ relay }) => relay.closeAll(),
    'the handshake time is over': (proxy, client) => {
      proxy.at(3_500)
      client.breaks('reset')
    },
    'the datacenter refuses, and the claim is granted': ({ engine, asked }) => {
      for (const dial of engine.dials) dial.fails?.('refused')
      asked[0]!.answer('new')
    },
  }
  for (const [what, end] of Object.entries(ends)) {
    for (const first of [opening(), hello()]) {
      const proxy = asking()
      const client = proxy.arrives()
      client.sends(first)
      end(proxy, client)
      if (!client.closed) client.breaks('reset')
      for (const { answer } of proxy.asked) answer('new')
      assert.equal(proxy.left(), nothing, what)
      assert.is(proxy.ends().length, 1, what)
    }
  }
})

test('requests without an answer time out', () => {
  const posted: number[] = []
  const answers: string[] = []
  const questions = claimRequests((id) => posted.push(id))
  questions.pulse(1_000)
  questions.ask('00', 'a', (answer) => answers.push(`a ${answer}`))
  questions.ask('01', 'b', (answer) => answers.push(`b ${answer}`))
  questions.answer(posted[1]!, 'seen')
  for (const now of [1_050, 1_100, 1_145]) questions.pulse(now)
  assert.equal(answers, ['b seen'])
  questions.pulse(1_200)
  questions.answer(posted[0]!, 'new')
  assert.equal(answers, ['b seen', 'a unanswered'])
})

test('a stall of the process does not count as silence of the main thread', () => {
  const posted: number[] = []
  const answers: string[] = []
  const questions = claimRequests((id) => posted.push(id))
  questions.pulse(1_000)
  questions.ask('00', 'a', (answer) => answers.push(answer))
  questions.pulse(5_000)
  questions.answer(posted[0]!, 'new')
  assert.equal(answers, ['new'])
})

test.run()
