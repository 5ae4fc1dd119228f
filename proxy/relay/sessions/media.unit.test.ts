import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { initiate } from '../../../compose/test/kit/client/obfuscation.ts'
import { relaying, secret } from '../../../compose/test/kit/relay/hand-relay.ts'
import type { Directory } from '../../datacenter/directory.ts'

const plain = { host: '2001:db8::2', port: 443, family: 'ipv6' } as const
const media = { host: '192.0.2.22', port: 443, family: 'ipv4' } as const
const directory: Directory = new Map([
  [2, [plain]],
  [-2, [media]],
])

test('on a host with IPv6 only, media goes to the plain address of its datacenter', () => {
  const { arrives, engine, events } = relaying({ directory })
  const client = arrives()
  client.sends(initiate('padded-intermediate', -2, secret).bytes)
  assert.equal(
    engine.running.map(({ host }) => host),
    [media.host],
  )
  engine.running[0]!.fails('unreachable')
  assert.equal(
    engine.running.map(({ host }) => host),
    [plain.host],
  )
  engine.running[0]!.connects().sends('a photo')
  assert.is(client.text, 'a photo')
  const dialed = events.find(({ type }) => type === 'datacenter.dialed')
  assert.ok(dialed?.type === 'datacenter.dialed')
  assert.equal([dialed.dc, dialed.media, dialed.address], [2, true, '[2001:db8::2]:443'])
})

test('a plain connection never goes to media', () => {
  const { arrives, engine, ends } = relaying({ directory })
  arrives().sends(initiate('padded-intermediate', 2, secret).bytes)
  engine.running[0]!.fails('refused')
  assert.equal(engine.running, [])
  assert.equal(ends(), ['datacenter dial refused'])
})

test('descriptors that run out here do not count against the datacenter', () => {
  const { arrives, engine, ends } = relaying({ directory })
  arrives().sends(initiate('padded-intermediate', 2, secret).bytes)
  engine.running[0]!.fails('no-descriptors')
  assert.equal(ends(), ['proxy dial limit'])
})

test.run()
