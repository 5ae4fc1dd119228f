import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { exampleFolder } from '../../compose/test/kit/examples/doctor-example.ts'
import { watchKernel } from './kernel.ts'

// A line of a kernel of today is longer than a page together with what follows it.
const padding = Array.from({ length: 500 }, (_, i) => `Filler${i}`)
const netstat = [
  `TcpExt: SyncookiesSent ${padding.join(' ')} ListenOverflows ListenDrops`,
  `TcpExt: 1 ${padding.map(() => 0).join(' ')} 17 19`,
  'IpExt: InNoRoutes',
  'IpExt: 5',
  '',
].join('\n')
const softnet = Array.from({ length: 40 }, (_, i) => `0000ffff 0000000${i < 2 ? 'a' : '0'} 00000010`).join(
  '\n',
)

const host = {
  'proc/self/net/netstat': netstat,
  'proc/self/net/softnet_stat': `${softnet}\n`,
  'proc/pressure/cpu': 'some avg10=1.00 avg60=1.00 avg300=1.00 total=2500000\nfull avg10=0.00 total=0\n',
  'proc/pressure/memory': 'some avg10=0.00 avg60=0.00 avg300=0.00 total=0\n',
}

test('each reading has the whole current file', () => {
  using root = exampleFolder(host)
  const kernel = watchKernel(root.path)
  assert.is(kernel.listenOverflows(), 17)
  assert.is(kernel.packetsDropped(), 20)
  assert.equal(kernel.pressureSeconds(), [
    ['cpu', 2.5],
    ['memory', 0],
  ])
  writeFileSync(join(root.path, 'proc/self/net/netstat'), netstat.replace(' 17 19', ' 18 19'))
  assert.is(kernel.listenOverflows(), 18)
})

test('throttling is read of the own control group, in cgroup v2 and v1', () => {
  const two = 'usage_usec 9\nnr_periods 100\nnr_throttled 25\nthrottled_usec 1250000\n'
  const one = 'nr_periods 100\nnr_throttled 25\nthrottled_time 1250000000\n'
  for (const files of [
    {
      'proc/self/cgroup': '0::/system.slice/mtscope.service\n',
      'sys/fs/cgroup/system.slice/mtscope.service/cpu.stat': two,
    },
    { 'proc/self/cgroup': '0::/\n', 'sys/fs/cgroup/cpu.stat': two },
    { 'proc/self/cgroup': '4:cpu,cpuacct:/a\n0::/\n', 'sys/fs/cgroup/cpu/a/cpu.stat': one },
    // The root of all groups counts no periods: its own tree comes first, and is skipped.
    {
      'proc/self/cgroup': '1:cpu:/docker/b\n0::/\n',
      'sys/fs/cgroup/cpu.stat': 'usage_usec 9\n',
      'sys/fs/cgroup/cpu/cpu.stat': one,
    },
  ] as Record<string, string>[]) {
    using root = exampleFolder(files)
    assert.equal(watchKernel(root.path).cpu(), { periods: 100, throttledPeriods: 25, throttledSeconds: 1.25 })
  }
})

test('counters that the host lacks are null', () => {
  using root = exampleFolder({
    'proc/self/net/netstat': 'TcpExt: Other\nTcpExt: 1\n',
    'sys/fs/cgroup/cpu.stat': 'usage_usec 9\n',
  })
  const kernel = watchKernel(root.path)
  assert.is(kernel.listenOverflows(), null)
  assert.is(kernel.packetsDropped(), null)
  assert.equal(kernel.pressureSeconds(), [])
  assert.is(kernel.cpu(), null)
})

test('on a real Linux host the counters can be read', () => {
  if (process.platform !== 'linux') return
  const overflows = watchKernel().listenOverflows()
  assert.ok(overflows === null || overflows >= 0)
})

test.run()
