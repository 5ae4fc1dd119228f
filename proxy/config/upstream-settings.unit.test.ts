import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { readConfig } from './config.ts'

const upstreamsOf = (UPSTREAMS: string) => {
  const reading = readConfig({ UPSTREAMS })
  assert.ok(reading.ok, reading.ok ? '' : reading.mistakes.join())
  return reading.config.upstreams
}

test('direct alone makes no list of upstreams', () => {
  assert.is(upstreamsOf('direct'), null)
})

test('each form is read, named without its address, and kept in order', () => {
  const all = upstreamsOf(
    'socks5://ann:p%2C%40%3A%25@proxy.example:1080,direct,socks5://[2001:db8::1]:9,bind:192.0.2.7+[2001:db8:5::7],bind:192.0.2.9,bind:2001:db8::7,bind:eth1',
  )
  assert.equal(all, [
    {
      kind: 'socks5',
      name: 'socks5-1',
      weight: null,
      host: 'proxy.example',
      port: 1080,
      login: { user: 'ann', password: 'p,@:%' },
    },
    { kind: 'direct', name: 'direct', weight: null },
    { kind: 'socks5', name: 'socks5-2', weight: null, host: '2001:db8::1', port: 9, login: null },
    {
      kind: 'bind',
      name: 'bind-192.0.2.0/24',
      weight: null,
      addresses: ['192.0.2.7', '2001:db8:5::7'],
      device: null,
    },
    { kind: 'bind', name: 'bind-192.0.2.0/24-2', weight: null, addresses: ['192.0.2.9'], device: null },
    { kind: 'bind', name: 'bind-2001:db8:0::/48', weight: null, addresses: ['2001:db8::7'], device: null },
    { kind: 'bind', name: 'bind-eth1', weight: null, addresses: [], device: 'eth1' },
  ])
})

test('a weight anywhere gives the others the weight 1, and a name replaces the made one', () => {
  const all = upstreamsOf('direct,socks5://192.0.2.1:1080?weight=3&name=paris,bind:eth1')
  assert.equal(
    all?.map(({ name, weight }) => [name, weight]),
    [
      ['direct', 1],
      ['paris', 3],
      ['bind-eth1', 1],
    ],
  )
})

for (const [wrong, why] of [
  ['socks5://ann:hunter2@proxy.example', 'socks5://user:password@host:port'],
  ['socks5://ann@proxy.example:1080', 'both user and password'],
  [`socks5://ann:${'hunter2'.repeat(40)}@proxy.example:1080`, '255 bytes'],
  ['socks5://ann:hunter2%zz@proxy.example:1080', '%25'],
  ['socks5://ann:hunter2@proxy.example:1080?weight=0', 'weight=1 to 100'],
  ['socks5://ann:hunter2@proxy.example:1080?name=Paris!', 'name='],
  ['direct,http://ann:hunter2@proxy.example:1080', 'as number 2 an upstream that is none of direct'],
  ['bind:not an interface', 'one interface'],
  ['bind:192.0.2.1+eth1', 'with + between'],
  ['direct,', 'as number 2'],
  [Array(17).fill('direct').join(), '16 at most'],
] as const)
  test(`UPSTREAMS with ${why} wrong is refused, without its text`, () => {
    const reading = readConfig({ UPSTREAMS: wrong })
    assert.not.ok(reading.ok)
    if (reading.ok) return
    assert.is(reading.mistakes.length, 1)
    assert.match(reading.mistakes[0]!, /^UPSTREAMS /)
    assert.ok(reading.mistakes[0]!.includes(why), reading.mistakes[0])
    assert.not.match(reading.mistakes[0]!, /hunter2|ann\b|proxy\.example/)
  })

test('advertising mode needs direct among the upstreams', () => {
  const [alone, both] = ['bind:192.0.2.7', 'bind:192.0.2.7,direct'].map((UPSTREAMS) =>
    readConfig({ UPSTREAMS, USE_MIDDLE_PROXY: 'true' }),
  )
  assert.ok(
    alone && !alone.ok && /^USE_MIDDLE_PROXY=true .*add direct to UPSTREAMS/.test(alone.mistakes.join()),
  )
  assert.ok(both?.ok)
})

test('PREFER_IPV6 takes four words', () => {
  const reading = readConfig({ PREFER_IPV6: 'never' })
  assert.ok(
    !reading.ok && /PREFER_IPV6=never must be one of auto, yes, no, only/.test(reading.mistakes.join()),
  )
})

test.run()
