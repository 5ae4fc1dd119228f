import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { exampleAbout } from '../../../compose/test/kit/examples/doctor-example.ts'
import { telegram } from '../../datacenter/directory.ts'
import type { Probe } from '../../datacenter/res-pq.ts'
import { datacentersCheck, judge, type Probed } from './datacenters.ts'

const took = (ms: number): Probe => ({ ok: true, tcpMs: ms, resPqMs: ms + 1, serverAt: null })
const refused: Probe = { ok: false, error: 'refused' }
const unreachable: Probe = { ok: false, error: 'unreachable' }

const probed = (id: number, answer: Probe, family: 'ipv4' | 'ipv6' = 'ipv4'): Probed => ({
  id,
  address: { host: family === 'ipv4' ? '192.0.2.1' : '2001:db8::1', port: 443, family },
  answer,
})

const verdicts = (all: readonly Probed[], directory = telegram): Record<string, string> =>
  Object.fromEntries(judge(all, directory).map(({ id, verdict }) => [id, verdict]))

test('each datacenter, family and media is a line of its own', () => {
  const all = [
    probed(1, took(100)),
    probed(2, took(5)),
    probed(2, took(6), 'ipv6'),
    probed(-2, refused),
    probed(4, refused),
    probed(5, took(1_500)),
  ]
  assert.equal(verdicts(all), {
    'datacenters.near': 'ok',
    'datacenters.1-ipv4': 'ok',
    'datacenters.2-ipv4': 'ok',
    'datacenters.2-ipv6': 'ok',
    'datacenters.2-media-ipv4': 'warn',
    'datacenters.4-ipv4': 'fail',
    'datacenters.5-ipv4': 'warn',
  })
})

test('one address of several that does not answer is a note', () => {
  const [first] = judge([probed(2, took(5)), probed(2, refused)], new Map())
  assert.equal([first?.verdict, first?.numbers.answering, first?.numbers.addresses], ['note', 1, 2])
})

test('a family that is down is a note where the other answers, and no IPv6 at all is one line', () => {
  const one = verdicts(
    [probed(2, took(5)), probed(2, refused, 'ipv6'), probed(4, took(5), 'ipv6')],
    new Map(),
  )
  assert.equal(one, { 'datacenters.2-ipv4': 'ok', 'datacenters.2-ipv6': 'note', 'datacenters.4-ipv6': 'ok' })
  const none = [probed(2, took(5)), probed(2, unreachable, 'ipv6'), probed(4, unreachable, 'ipv6')]
  assert.equal(verdicts(none, new Map()), { 'datacenters.2-ipv4': 'ok', 'datacenters.ipv6': 'note' })
})

test('without any answer there is one line about the route to the internet', () => {
  assert.equal(verdicts([probed(1, refused), probed(2, unreachable)]), { 'datacenters.any': 'fail' })
})

test('an answer in place of Telegram differs from a missing route', () => {
  const protocol: Probe = { ok: false, error: 'protocol' }
  const advice = (...all: readonly Probed[]) => judge(all, new Map()).at(-1)?.advice ?? ''
  assert.match(advice(probed(1, protocol), probed(1, unreachable, 'ipv6')), 'answers in place of Telegram')
  assert.match(advice(probed(1, took(5)), probed(2, protocol)), 'answers in place of Telegram')
  assert.match(advice(probed(1, refused)), 'no route to the internet')
  assert.match(advice(probed(1, took(5)), probed(2, refused)), 'in the firewall')
})

test('a name without a DNS answer is a line of its own, with an advice', async () => {
  const about = exampleAbout({ TELEGRAM_DATACENTERS: '2=127.0.0.1:1,4=nowhere.invalid:443' })
  const found = await datacentersCheck({ ...about, signal: new AbortController().signal })
  assert.equal(
    found.map(({ id, verdict }) => `${id} ${verdict}`),
    ['datacenters.name-1 fail', 'datacenters.any fail'],
  )
  assert.match(found[0]?.states ?? '', 'TELEGRAM_DATACENTERS: nowhere.invalid has no DNS answer')
})

test('the nearest city is named, and the advice names a better place when it is far', () => {
  const near = judge([probed(1, took(98)), probed(2, took(4)), probed(4, took(3))], telegram)[0]
  assert.match(near?.states ?? '', 'near Amsterdam: Amsterdam 3 ms, Miami 98 ms')
  const far = judge([probed(5, took(170)), probed(2, took(80))], telegram)[0]
  assert.is(far?.verdict, 'note')
  assert.match(far?.advice ?? '', 'Amsterdam for Europe')
})

test.run()
