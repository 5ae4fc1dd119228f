import { spawnSync } from 'node:child_process'
import { readFileSync, rmSync, unlinkSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { fakeRoot, ownNetwork } from '../test/kit/host/fake-root.ts'
import { net, rowsOf, run, type Shell, script, verdictsOf } from '../test/kit/host/optimize.ts'
import { skipUnless } from '../test/kit/skip.ts'
import { ensure } from '../test/services/debian.ts'

const there = new Set(['dash', 'busybox', 'shellcheck'].filter((name) => ensure(name, name) !== null))
const root = process.getuid?.() === 0

const shells: readonly { shell: Shell; name: string }[] = [
  { name: 'dash', shell: ['dash'] },
  { name: 'busybox', shell: ['busybox', 'sh'] },
]

for (const { shell, name } of shells) {
  const has = there.has(name)
  const here = skipUnless(test, has, `${name} is missing`)
  const asRoot = skipUnless(test, has && root, `${name} or the right to make a network namespace is missing`)

  here(`${name}: --check needs no root and writes nothing`, () => {
    const unattached = root ? { uid: 65_534, gid: 65_534 } : {}
    const checked = spawnSync(shell[0]!, [...shell.slice(1), '-s', '--', '--check', '--tsv'], {
      input: readFileSync(script),
      cwd: '/',
      encoding: 'utf8',
      ...unattached,
    })
    assert.is(checked.stderr, '')
    assert.ok([0, 1].includes(checked.status ?? 9))
    const rows = rowsOf(checked.stdout)
    assert.ok(rows.size > 30)
    for (const [setting, { verdict, why }] of rows) {
      assert.match(verdict, /^(?:effective|no-op|harmful|unknown here)$/, setting)
      assert.ok(why.length > 3, setting)
    }
    assert.match(checked.stdout, /^place\tLinux \S+\t[^\t]+\t\d+ cores$/m)
  })

  asRoot(`${name}: plan, apply twice and roll back, in a network namespace`, async () => {
    using host = fakeRoot(net({ 'fs.file-max': '100000', 'fs.nr_open': '1048576', 'vm.swappiness': '60' }))
    await using network = await ownNetwork()
    const { within } = network
    const [filesBefore, valuesBefore] = [host.tree(), network.values()]

    const planned = run(shell, host, ['--plan'], { within })
    assert.is(planned.status, 0, planned.stderr)
    assert.match(planned.stdout, 'set net.ipv4.tcp_slow_start_after_idle: 1 -> 0')
    assert.match(planned.stdout, 'net.ipv4.ip_local_port_range = 10000 65535')
    assert.equal([host.tree(), network.values()], [filesBefore, valuesBefore])
    assert.is(run(shell, host, [], { within }).status, 1)

    const applied = run(shell, host, ['--apply'], { within })
    assert.is(applied.status, 0, applied.stderr)
    const [files, values] = [host.tree(), network.values()]
    assert.match(values, '/proc/sys/net/ipv4/tcp_mtu_probing 1')
    assert.is(host.read('proc/sys/fs/file-max'), '262144\n')
    assert.is(host.read('proc/sys/vm/swappiness'), '60\n')
    assert.match(host.read('etc/security/limits.d/90-mtscope.conf'), '* hard nofile 65536')
    const lines = host.read('etc/sysctl.d/90-mtscope.conf').split('\n')
    assert.ok(lines.includes('net.ipv4.tcp_slow_start_after_idle = 0'))
    assert.ok(!lines.some((line) => line.includes('tcp_notsent_lowat')))
    const reported = planned.stdout.match(/^ {2}\S+ = .*$/gm)?.map((line) => line.trim())
    assert.equal(
      lines.filter((line) => /^[a-z]/.test(line)),
      reported,
    )

    const checked = run(shell, host, ['--tsv'], { within })
    assert.is(checked.status, 0, checked.stdout)
    assert.equal(
      [...rowsOf(checked.stdout)].filter(([, { state }]) => state === 'change'),
      [],
    )

    const again = run(shell, host, ['--apply'], { within })
    assert.is(again.stdout, 'nothing to change\n')
    assert.equal([host.tree(), network.values()], [files, values])

    assert.is(run(shell, host, ['--rollback'], { within }).status, 0)
    assert.equal([host.tree(), network.values()], [filesBefore, valuesBefore])
    assert.match(run(shell, host, ['--rollback'], { within }).stdout, 'nothing to roll back')
  })

  here(`${name}: larger values stay, and rollback restores an existing file`, () => {
    const before = net({
      'net.core.somaxconn': '65535',
      'net.core.default_qdisc': 'fq',
      'net.ipv4.ip_local_port_range': '5000\t61000',
      'net.ipv4.tcp_rmem': '4096\t131072\t67108864',
      'net.ipv4.tcp_wmem': '4096\t16384\t1048576',
      'net.ipv4.tcp_notsent_lowat': '4294967295',
      'net.ipv4.tcp_mtu_probing': '2',
    })
    using host = fakeRoot({ ...before, 'etc/sysctl.d/90-mtscope.conf': '# mine\nnet.core.somaxconn=65535' })
    const tree = host.tree()
    assert.is(run(shell, host, ['--apply']).status, 0)
    assert.is(host.read('proc/sys/net/ipv4/ip_local_port_range'), '5000 65535\n')
    assert.is(host.read('proc/sys/net/ipv4/tcp_wmem'), '4096 16384 4194304\n')
    const dropin = host.read('etc/sysctl.d/90-mtscope.conf')
    assert.equal(dropin.match(/^net\S+/gm), ['net.ipv4.ip_local_port_range', 'net.ipv4.tcp_wmem'])
    assert.is(run(shell, host, ['--rollback']).status, 0)
    // The kernel shows tabs between numbers; a plain file keeps the spaces.
    const spaced = (lines: readonly string[]): string[] => lines.map((line) => line.replaceAll('\t', ' '))
    assert.equal(spaced(host.tree()), spaced(tree))
  })

  here(
    `${name}: --apply replaces the tcp_notsent_lowat that an earlier version set, and rollback unsets it`,
    () => {
      const lowat = 'proc/sys/net/ipv4/tcp_notsent_lowat'
      const dropin = 'etc/sysctl.d/90-mtscope.conf'
      using host = fakeRoot(net({ 'net.ipv4.tcp_notsent_lowat': '16384' }))
      host.put(dropin, 'net.ipv4.tcp_notsent_lowat = 16384\n')
      const state = [`value\t${join(host.path, lowat)}\t4294967295`, `file\t${join(host.path, dropin)}\t-`]
      host.put('var/lib/mtscope/optimize_system.state', `${state.join('\n')}\n`)
      assert.is(verdictsOf(host).get('net.ipv4.tcp_notsent_lowat')?.state, 'change')
      assert.match(run(shell, host, ['--plan']).stdout, 'set net.ipv4.tcp_notsent_lowat: 16384 -> 131072')
      assert.is(run(shell, host, ['--apply']).status, 0)
      assert.is(host.read(lowat), '131072\n')
      assert.match(host.read(dropin), /^net\.ipv4\.tcp_notsent_lowat = 131072$/m)
      assert.is(run(shell, host, ['--apply']).stdout, 'nothing to change\n')
      assert.is(run(shell, host, ['--rollback']).status, 0)
      assert.is(host.read(lowat), '4294967295\n')
      assert.throws(() => host.read(dropin), /ENOENT/)
    },
  )

  here(`${name}: the plan names bbr where it is the default already, and sets it where it is not`, () => {
    const offered = { 'net.ipv4.tcp_available_congestion_control': 'reno bbr cubic' }
    using already = fakeRoot(net({ ...offered, 'net.ipv4.tcp_congestion_control': 'bbr' }))
    using other = fakeRoot(net({ ...offered, 'net.ipv4.tcp_congestion_control': 'cubic' }))
    assert.match(run(shell, already, ['--plan']).stdout, 'keep net.ipv4.tcp_congestion_control: bbr\n')
    assert.match(run(shell, other, ['--plan']).stdout, 'set net.ipv4.tcp_congestion_control: cubic -> bbr\n')
  })

  here(`${name}: after a partial failure, rollback restores everything that it can`, () => {
    using host = fakeRoot({
      ...net({ 'net.ipv4.tcp_slow_start_after_idle': '1', 'net.ipv4.tcp_mtu_probing': '0' }),
      'etc/sysctl.d': 'not a folder',
    })
    const tree = host.tree()
    const failed = run(shell, host, ['--apply'])
    assert.is(failed.status, 1)
    assert.is(host.read('proc/sys/net/ipv4/tcp_mtu_probing'), '1\n')
    unlinkSync(join(host.path, 'proc/sys/net/ipv4/tcp_mtu_probing'))
    host.put('proc/sys/net/ipv4/tcp_mtu_probing/in-the-way', '')
    const half = run(shell, host, ['--rollback'])
    assert.is(half.status, 1)
    assert.match(half.stderr, /cannot restore .*tcp_mtu_probing to 0/)
    assert.is(host.read('proc/sys/net/ipv4/tcp_slow_start_after_idle'), '1\n')
    rmSync(join(host.path, 'proc/sys/net/ipv4/tcp_mtu_probing'), { recursive: true })
    host.put('proc/sys/net/ipv4/tcp_mtu_probing', '1\n')
    assert.is(run(shell, host, ['--rollback']).status, 0)
    assert.equal(host.tree(), tree)
  })
}

test('a verdict depends on the kernel version', () => {
  const values = net({
    'net.core.default_qdisc': 'fq',
    'net.ipv4.tcp_tw_recycle': '0',
    'net.ipv4.tcp_max_syn_backlog': '128',
    'net.ipv4.tcp_congestion_control': 'cubic',
    'net.ipv4.tcp_available_congestion_control': 'reno cubic',
  })
  using old = fakeRoot({ ...values, 'proc/sys/kernel/osrelease': '3.10.0-1160\n' })
  using current = fakeRoot(values)
  const [then, now] = [verdictsOf(old), verdictsOf(current)]
  assert.is(then.get('net.ipv4.tcp_tw_recycle')?.verdict, 'harmful')
  assert.is(now.get('net.ipv4.tcp_tw_recycle')?.verdict, 'no-op')
  assert.is(then.get('net.ipv4.tcp_max_syn_backlog')?.state, 'change')
  assert.is(now.get('net.ipv4.tcp_max_syn_backlog')?.verdict, 'no-op')
  assert.equal(now.get('net.ipv4.tcp_congestion_control'), {
    now: 'cubic',
    wanted: 'bbr',
    verdict: 'unknown here',
    state: 'leave',
    why: 'this kernel offers no bbr',
  })
})

test('in a container with its own network, invisible settings are unknown, never bad', () => {
  using host = fakeRoot({ '.dockerenv': '', ...net({ 'net.ipv4.tcp_mtu_probing': '0' }) })
  const rows = verdictsOf(host)
  for (const name of [
    'net.core.default_qdisc',
    'net.ipv4.tcp_low_latency',
    'net.core.netdev_max_backlog',
    'net.ipv4.tcp_mem',
  ]) {
    assert.is(rows.get(name)?.verdict, 'unknown here', name)
    assert.is(rows.get(name)?.state, 'leave', name)
  }
  assert.is(rows.get('net.ipv4.tcp_mtu_probing')?.state, 'change')
  assert.match(run(['sh'], host, []).stdout, 'container on a network of its own')
})

test('counters decide: RPS is effective for a single queue with cores that fell behind', () => {
  const busy = (squeezed: string): Record<string, string> => ({
    ...net({ 'net.core.default_qdisc': 'fq' }),
    'proc/cpuinfo': 'processor : 0\nprocessor : 1\nflags : hypervisor\n',
    'proc/net/softnet_stat': `00001000 00000000 ${squeezed} 00000000\n`,
    'sys/class/net/eth0/device': '',
    'sys/class/net/eth0/queues/rx-0/rps_cpus': '0\n',
  })
  using calm = fakeRoot(busy('00000000'))
  using late = fakeRoot(busy('00000100'))
  assert.is(verdictsOf(calm).get('rps_cpus(eth0)')?.verdict, 'no-op')
  const wanted = verdictsOf(late).get('eth0/queues/rx-0/rps_cpus')
  assert.equal([wanted?.wanted, wanted?.verdict, wanted?.state], ['3', 'effective', 'change'])
  assert.match(run(['sh'], late, []).stdout, 'virtual machine')
})

test('a queue without drops is long enough', () => {
  const packets = (dropped: string): Record<string, string> => ({
    ...net({ 'net.core.netdev_max_backlog': '1000' }),
    'proc/net/softnet_stat': `00001000 ${dropped} 00000000 00000000\n`,
    'sys/class/net/veth0/device': '',
  })
  using calm = fakeRoot(packets('00000000'))
  using full = fakeRoot(packets('00000007'))
  const of = (host: typeof calm) => verdictsOf(host).get('net.core.netdev_max_backlog')
  assert.equal([of(calm)?.verdict, of(calm)?.state], ['no-op', 'leave'])
  assert.equal([of(full)?.verdict, of(full)?.state, of(full)?.wanted], ['effective', 'change', '10000'])
})

test('settings for Redis and Kafka are set where one of them runs', () => {
  const values = { ...net({ 'vm.swappiness': '60' }), 'proc/meminfo': 'SwapTotal: 1024 kB\n' }
  using alone = fakeRoot(values)
  using withRedis = fakeRoot({ ...values, 'proc/7/comm': 'redis-server\n' })
  assert.is(verdictsOf(alone).get('vm.swappiness')?.verdict, 'no-op')
  assert.is(verdictsOf(withRedis).get('vm.swappiness')?.state, 'change')
})

test('governors are one line, and all are set', () => {
  const policy = (number: number): string => `sys/devices/system/cpu/cpufreq/policy${number}/scaling_governor`
  using host = fakeRoot({
    [policy(0)]: 'performance\n',
    [policy(1)]: 'powersave\n',
    [policy(2)]: 'powersave\n',
  })
  run(['sh'], host, ['--apply'])
  assert.equal(
    [1, 2].map((number) => host.read(policy(number))),
    ['performance\n', 'performance\n'],
  )
  assert.is([...verdictsOf(host).keys()].filter((name) => name.includes('governor')).length, 1)
  run(['sh'], host, ['--rollback'])
  assert.equal(
    [0, 1].map((number) => host.read(policy(number))),
    ['performance\n', 'powersave\n'],
  )
})

test('a loadable module counts as available, and a file that wins at the next boot is reported', () => {
  using host = fakeRoot({
    ...net({ 'net.core.default_qdisc': 'pfifo_fast', 'net.ipv4.tcp_congestion_control': 'cubic' }),
    'lib/modules/6.1.0-9-amd64/kernel/net/ipv4/tcp_bbr.ko.xz': '',
    'etc/sysctl.conf': 'net.ipv4.tcp_congestion_control=cubic\n',
  })
  const rows = verdictsOf(host)
  assert.is(rows.get('net.ipv4.tcp_congestion_control')?.state, 'change')
  assert.is(rows.get('net.core.default_qdisc')?.verdict, 'unknown here')
  assert.match(
    run(['sh'], host, ['--apply']).stdout,
    'etc/sysctl.conf also sets net.ipv4.tcp_congestion_control',
  )
})

test('active busy polling is reported as harmful and left alone', () => {
  using host = fakeRoot(net({ 'net.core.default_qdisc': 'fq', 'net.core.busy_poll': '50' }))
  const row = verdictsOf(host).get('net.core.busy_poll')
  assert.equal([row?.verdict, row?.state], ['harmful', 'bad'])
  run(['sh'], host, ['--apply'])
  assert.is(host.read('proc/sys/net/core/busy_poll'), '50\n')
})

test('an unknown option exits 2, --help exits 0', () => {
  using host = fakeRoot()
  const wrong = run(['sh'], host, ['--aply'])
  assert.equal([wrong.status, wrong.stdout], [2, ''])
  assert.match(wrong.stderr, 'unknown option --aply')
  assert.is(run(['sh'], host, [], { env: { MTSCOPE_NOFILE: 'many' } }).status, 2)
  const help = run(['sh'], host, ['--help'])
  assert.is(help.status, 0)
  for (const word of ['--check', '--plan', '--apply', '--rollback']) assert.match(help.stdout, word)
})

if (there.has('shellcheck')) {
  test('shellcheck finds nothing', () => {
    assert.is(spawnSync('shellcheck', ['-s', 'sh', script], { encoding: 'utf8' }).stdout, '')
  })
}

test.run()
