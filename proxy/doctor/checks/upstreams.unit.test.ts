import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { exampleAbout } from '../../../compose/test/kit/examples/doctor-example.ts'
import { fakeDatacenter } from '../../../compose/test/kit/servers/fake-datacenter.ts'
import { socksRelay } from '../../../compose/test/kit/servers/socks-relay.ts'
import { readConfig } from '../../config/config.ts'
import { datacentersCheck } from './datacenters.ts'
import { upstreamsCheck } from './upstreams.ts'

const about = (env: Record<string, string>) => {
  const reading = readConfig(env)
  assert.ok(reading.ok, reading.ok ? '' : reading.mistakes.join())
  return { ...exampleAbout(), config: reading.config, signal: new AbortController().signal }
}

test('each upstream is probed, and one that fails is named without its login and address', async () => {
  await using dc = await fakeDatacenter()
  await using socks = await socksRelay()
  await using gone = await socksRelay()
  await gone.goAway()
  const UPSTREAMS = [
    `socks5://127.0.0.1:${socks.port}`,
    `socks5://ann:hunter2@127.0.0.1:${gone.port}`,
    'bind:192.0.2.77',
    'bind:nosuchdevice',
  ].join()
  const found = await upstreamsCheck(about({ UPSTREAMS, TELEGRAM_DATACENTERS: `2=${dc.address}` }))
  assert.equal(
    found.map(({ id, verdict }) => [id, verdict]),
    [
      ['upstreams.1', 'ok'],
      ['upstreams.2', 'warn'],
      ['upstreams.3', 'warn'],
      ['upstreams.4', 'warn'],
    ],
  )
  assert.match(found[0]!.states, /^socks5-1 \(SOCKS5\): 1 of 1 datacenters answer, resPQ [\d.]+ ms$/)
  assert.is(
    found[1]!.states,
    'socks5-2 (SOCKS5 with login): no datacenter answers (refused); clients take the others',
  )
  assert.match(found[2]!.states, /^bind-192\.0\.2\.0\/24 \(bind\): no datacenter answers \(no-source\)/)
  assert.match(found[3]!.advice!, /interface/)
  assert.not.match(JSON.stringify(found), /hunter2|ann|127\.0\.0\.1|192\.0\.2\.77/)
})

test('without an upstream that works, no client can connect', async () => {
  await using dc = await fakeDatacenter()
  await using gone = await socksRelay()
  await gone.goAway()
  const env = { UPSTREAMS: `socks5://127.0.0.1:${gone.port}`, TELEGRAM_DATACENTERS: `2=${dc.address}` }
  const [found] = await upstreamsCheck(about(env))
  assert.is(found?.verdict, 'fail')
  assert.match(found!.states, /no client can connect/)
})

test('the check of datacenters goes through the upstream where the host itself is not to', async () => {
  await using dc = await fakeDatacenter()
  await using socks = await socksRelay()
  const env = { UPSTREAMS: `socks5://127.0.0.1:${socks.port}`, TELEGRAM_DATACENTERS: `2=${dc.address}` }
  const found = await datacentersCheck(about(env))
  assert.is(found.find(({ id }) => id === 'datacenters.2-ipv4')?.verdict, 'ok')
  await socks.goAway()
  const later = await datacentersCheck(about(env))
  assert.equal(
    later.map(({ id, verdict }) => [id, verdict]),
    [['datacenters.any', 'fail']],
  )
})

test('UPSTREAMS=direct has no findings', async () => {
  assert.equal(await upstreamsCheck(about({})), [])
})

test.run()
