import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { exampleAbout } from '../../../compose/test/kit/examples/doctor-example.ts'
import { examine } from '../examine.ts'
import { hostCheck, judge, readReport } from './host.ts'

test('the report of the script becomes findings, and counters show a lack', () => {
  const report = readReport(
    [
      'place\tLinux 6.1\tvirtual machine\t2 cores',
      'counter\tListenOverflows\t7',
      'counter\tcpu.waiting\t31.5',
      'counter\tconntrack\t960',
      'counter\tconntrack.max\t1000',
      'setting\tnet.ipv4.tcp_mtu_probing\t0\t1\teffective\tchange\tfinds its way',
      'setting\tnet.core.busy_poll\t50\t50\tharmful\tbad\tspins',
      'setting\tnet.ipv4.tcp_fastopen\t1\t3\tno-op\tleave\tunused',
      'setting\tnet.core.default_qdisc\t-\tfq\tunknown here\tleave\ton the host',
    ].join('\n'),
  )
  const found = judge(report)
  const expected = {
    'host.settings': 'note',
    'host.conntrack': 'fail',
    'host.ListenOverflows': 'note',
    'host.cpu.waiting': 'warn',
    'host.net.ipv4.tcp_mtu_probing': 'note',
    'host.net.core.busy_poll': 'warn',
    'host.net.ipv4.tcp_fastopen': 'ok',
    'host.net.core.default_qdisc': 'unknown',
  }
  assert.equal(Object.fromEntries(found.map(({ id, verdict }) => [id, verdict])), expected)
  assert.is(
    found.find(({ id }) => id === 'host.net.ipv4.tcp_mtu_probing')?.advice,
    'set net.ipv4.tcp_mtu_probing=1',
  )
})

const adviceOf = (lines: readonly string[]): Readonly<Record<string, string | null>> =>
  Object.fromEntries(judge(readReport(lines.join('\n'))).map(({ id, advice }) => [id, advice]))

test('a setting that already has the wanted value is not advised', () => {
  const dropped = 'counter\tListenOverflows\t54'
  const row = (now: number, state: string): string =>
    `setting\tnet.core.somaxconn\t${now}\t4096\teffective\t${state}\tthe relay asks for 4096`
  const good = adviceOf([dropped, row(4_096, 'good')])['host.ListenOverflows']
  assert.not.match(good ?? '', 'somaxconn')
  assert.match(good ?? '', /^watch it while the proxy runs/)
  const low = adviceOf([dropped, row(128, 'change')])['host.ListenOverflows']
  assert.match(low ?? '', /^set net\.core\.somaxconn=4096; watch it/)
})

test('a wait for cores is one finding, with an advice', () => {
  const advice = adviceOf([
    'counter\tcpu.waiting\t31.5',
    'setting\tcpuset\t0-1\town-cores\teffective\tby-hand\ta program waits for a core',
  ])
  assert.equal(Object.keys(advice), ['host.settings', 'host.cpu.waiting'])
  assert.match(advice['host.cpu.waiting'] ?? '', 'PROXY_CPUSET=0')
})

test('the script runs on this host', async () => {
  const found = await examine({ host: hostCheck }, exampleAbout(), { limit: 60_000 })
  assert.ok(found.length > 30, JSON.stringify(found.slice(0, 3)))
})

test.run()
