import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { fakeRoot, ownNetwork } from '../test/kit/host/fake-root.ts'
import { net, rowsOf, run, verdictsOf } from '../test/kit/host/optimize.ts'
import { skipUnless } from '../test/kit/skip.ts'
import { ensure } from '../test/services/debian.ts'

const root = process.getuid?.() === 0
const tracking = {
  ...net({
    'net.core.default_qdisc': 'fq',
    'net.netfilter.nf_conntrack_count': '12',
    'net.netfilter.nf_conntrack_max': '65536',
  }),
  'proc/modules': 'nf_conntrack 176128 3 xt_conntrack,nf_nat, Live 0x0\n',
}
const most = 'proc/sys/net/netfilter/nf_conntrack_max'
const moduleFile = 'etc/modules-load.d/90-mtscope.conf'

for (const [name, ...shell] of [['dash'], ['busybox', 'sh']] as const) {
  const has = ensure(name, name) !== null
  const here = skipUnless(test, has, `${name} is missing`)
  const asRoot = skipUnless(test, has && root, `${name} or the right to make a network namespace is missing`)
  const command = [name, ...shell]

  here(`${name}: the limit of tracked connections holds after a boot that loads the module late`, () => {
    using host = fakeRoot(tracking)
    const tree = host.tree()
    assert.match(verdictsOf(host).get('net.netfilter.nf_conntrack_max')?.why ?? '', 'modules-load.d')
    assert.match(run(command, host, ['--plan']).stdout, 'modules-load.d/90-mtscope.conf: nf_conntrack')
    assert.is(run(command, host, ['--apply']).status, 0)
    assert.match(host.read(moduleFile), /^nf_conntrack$/m)
    assert.match(host.read('etc/sysctl.d/90-mtscope.conf'), 'net.netfilter.nf_conntrack_max = 262144')
    const applied = host.tree()
    assert.is(run(command, host, ['--apply']).stdout, 'nothing to change\n')
    assert.equal(host.tree(), applied)
    assert.is(run(command, host, ['--rollback']).status, 0)
    assert.equal(host.tree(), tree)
  })

  here(`${name}: a setting that is built into the kernel needs no module file`, () => {
    using host = fakeRoot({ ...tracking, 'proc/modules': '' })
    assert.is(run(command, host, ['--apply']).status, 0)
    assert.not(host.tree().some((line) => line.startsWith('etc/modules-load.d')))
  })

  here(`${name}: a setting that no longer exists is reported, and rollback goes on`, () => {
    using host = fakeRoot(tracking)
    assert.is(run(command, host, ['--apply']).status, 0)
    rmSync(join(host.path, most))
    const back = run(command, host, ['--rollback'])
    assert.is(back.status, 0, back.stderr)
    assert.match(back.stdout, /^gone: .*nf_conntrack_max, nothing to restore$/m)
    assert.match(run(command, host, ['--rollback']).stdout, 'nothing to roll back')
  })

  asRoot(`${name}: MTPROTO_PORT below 1024 opens that port, in a network namespace`, async () => {
    using host = fakeRoot()
    await using network = await ownNetwork()
    const { within } = network
    const asked = { within, env: { MTPROTO_PORT: '443' } }
    const before = network.values()
    const unasked = rowsOf(run(command, host, ['--tsv'], { within }).stdout)
    assert.equal(unasked.get('net.ipv4.ip_unprivileged_port_start')?.verdict, 'no-op')
    assert.match(unasked.get('net.ipv4.ip_unprivileged_port_start')?.why ?? '', 'MTPROTO_PORT=443')
    assert.match(run(command, host, ['--plan'], asked).stdout, 'ip_unprivileged_port_start: 1024 -> 443')
    assert.is(run(command, host, ['--apply'], asked).status, 0)
    assert.match(network.values(), 'ip_unprivileged_port_start 443')
    assert.is(run(command, host, ['--rollback'], { within }).status, 0)
    assert.equal(network.values(), before)
  })
}

test('where no PAM reads limits.d, as on Alpine, nofile is by hand and no file is written', () => {
  using host = fakeRoot(net({ 'fs.nr_open': '1048576' }))
  rmSync(join(host.path, 'etc'), { recursive: true })
  const row = verdictsOf(host).get('nofile')
  assert.is(row?.state, 'by-hand')
  assert.match(row?.why ?? '', 'no PAM')
  run(['sh'], host, ['--apply'])
  assert.not(host.tree().some((line) => line.includes('limits.d')))
})

test('MTPROTO_PORT that is not a number exits 2', () => {
  using host = fakeRoot()
  assert.is(run(['sh'], host, [], { env: { MTPROTO_PORT: 'https' } }).status, 2)
})

test.run()
