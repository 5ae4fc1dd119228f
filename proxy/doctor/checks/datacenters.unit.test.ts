import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { exampleAbout } from '../../../compose/test/kit/examples/doctor-example.ts'
import { telegram } from '../../datacenter/directory.ts'
import type { Probe } from '../../datacenter/res-pq.ts'
import { type Asked, datacentersCheck, judge } from './datacenters.ts'

const took = (ms: number): Probe => ({ ok: true, tcpMs: ms, resPqMs: ms + 1, serverAt: null })
const refused: Probe = { ok: false, error: 'refused' }
const unreachable: Probe = { ok: false, error: 'unreachable' }

const asked = (id: number, answer: Probe, family: 'ipv4' | 'ipv6' = 'ipv4'): Asked => ({
  id,
  address: { host: family === 'ipv4' ? '192.0.2.1' : '2001:db8::1', port: 443, family },
  answer,
})

const verdicts = (all: readonly Asked[], directory = telegram): Record<string, string> =>
  Object.fromEntries(judge(all, directory).map(({ id, verdict }) => [id, verdict]))

test('each datacenter, family and media is a line of its own', () => {
  const all = [
    asked(1, took(100)),
    asked(2, took(5)),
    asked(2, took(6), 'ipv6'),
    asked(-2, refused),
    asked(4, refused),
    asked(5, took(1_500)),
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

test('one address of several that is away is a note', () => {
  const [first] = judge([asked(2, took(5)), asked(2, refused)], new Map())
  assert.equal([first?.verdict, first?.numbers.answering, first?.numbers.addresses], ['note', 1, 2])
})

test('a family is half as bad where the other answers, and no IPv6 at all is one line', () => {
  const one = verdicts([asked(2, took(5)), asked(2, refused, 'ipv6'), asked(4, took(5), 'ipv6')], new Map())
  assert.equal(one, { 'datacenters.2-ipv4': 'ok', 'datacenters.2-ipv6': 'note', 'datacenters.4-ipv6': 'ok' })
  const none = [asked(2, took(5)), asked(2, unreachable, 'ipv6'), asked(4, unreachable, 'ipv6')]
  assert.equal(verdicts(none, new Map()), { 'datacenters.2-ipv4': 'ok', 'datacenters.ipv6': 'note' })
})

test('without any answer there is one line about the way out', () => {
  assert.equal(verdicts([asked(1, refused), asked(2, unreachable)]), { 'datacenters.any': 'fail' })
})

test('who answers in the place of Telegram is told from no way out', () => {
  const protocol: Probe = { ok: false, error: 'protocol' }
  const advice = (...all: readonly Asked[]) => judge(all, new Map()).at(-1)?.advice ?? ''
  assert.match(advice(asked(1, protocol), asked(1, unreachable, 'ipv6')), 'answers in its place')
  assert.match(advice(asked(1, took(5)), asked(2, protocol)), 'answers in its place')
  assert.match(advice(asked(1, refused)), 'no way out')
  assert.match(advice(asked(1, took(5)), asked(2, refused)), 'look at the firewall')
})

test('a name that leads nowhere is a line of its own, with what to do', async () => {
  const about = exampleAbout({ TELEGRAM_DATACENTERS: '2=127.0.0.1:1,4=nowhere.invalid:443' })
  const found = await datacentersCheck({ ...about, signal: new AbortController().signal })
  assert.equal(
    found.map(({ id, verdict }) => `${id} ${verdict}`),
    ['datacenters.name-1 fail', 'datacenters.any fail'],
  )
  assert.match(found[0]?.states ?? '', 'nowhere.invalid of TELEGRAM_DATACENTERS is not found')
})

test('the nearest place is told, and where to go when it is far', () => {
  const near = judge([asked(1, took(98)), asked(2, took(4)), asked(4, took(3))], telegram)[0]
  assert.match(near?.states ?? '', 'near Amsterdam: Amsterdam 3 ms, Miami 98 ms')
  const far = judge([asked(5, took(170)), asked(2, took(80))], telegram)[0]
  assert.is(far?.verdict, 'note')
  assert.match(far?.advice ?? '', 'Amsterdam for Europe')
})

test.run()
