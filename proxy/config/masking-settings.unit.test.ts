import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { type Environment, readConfig } from './config.ts'
import { shownSettings } from './shown.ts'

const read = (env: Environment) => {
  const reading = readConfig(env)
  if (!reading.ok) throw new Error(reading.mistakes.join('\n'))
  return reading.config
}

const sites = (env: Environment): string[] =>
  read(env).domains.map(({ name, site }) => `${name} ${site === null ? 'off' : `${site.host}:${site.port}`}`)

test('each domain has the site of MASK_HOSTS, else that of MASK_HOST, which is by default the domain', () => {
  const TLS_DOMAIN = 'A.example, b.example,c.example'
  assert.equal(sites({}), ['www.cloudflare.com www.cloudflare.com:443'])
  assert.equal(sites({ TLS_DOMAIN }), [
    'a.example a.example:443',
    'b.example b.example:443',
    'c.example c.example:443',
  ])
  const MASK_HOSTS = 'B.example=[::1]:8443, c.example=off'
  assert.equal(sites({ TLS_DOMAIN, MASK_HOSTS, MASK_HOST: '10.0.0.7', MASK_PORT: '444' }), [
    'a.example 10.0.0.7:444',
    'b.example ::1:8443',
    'c.example off',
  ])
  assert.equal(sites({ TLS_DOMAIN: '', MODES: 'secure' }), [' off'])
  assert.equal(sites({ TLS_DOMAIN: '', MODES: 'secure', MASK_HOST: 'a.example' }), [' a.example:443'])
})

test('a wrong list of domains or sites is reported with what to write', () => {
  for (const [env, mistake] of [
    [
      { TLS_DOMAIN: 'a.example,,b.example' },
      /^TLS_DOMAIN=a.example,,b.example is not a domain: write a name/,
    ],
    [{ TLS_DOMAIN: 'a.example,A.example' }, /has a.example twice: write it once/],
    [{ TLS_DOMAIN: Array.from({ length: 33 }, (_, at) => `a${at}.example`).join() }, /more than 32 domains/],
    [{ MASK_HOSTS: 'www.cloudflare.com' }, /^MASK_HOSTS=www.cloudflare.com must be domain=host:port/],
    [{ MASK_HOSTS: 'www.cloudflare.com=a.example' }, /must be domain=host:port/],
    [{ MASK_HOSTS: 'www.cloudflare.com=::1:443' }, /must be domain=host:port/],
    [{ MASK_HOSTS: 'www.cloudflare.com=a:0' }, /must be domain=host:port/],
    [{ MASK_HOSTS: 'www.cloudflare.com=a:1,www.cloudflare.com=b:1' }, /twice/],
    [{ MASK_HOSTS: 'b.example=a:1' }, /^MASK_HOSTS has b.example, which TLS_DOMAIN lacks: add it there/],
    [{ MASK_HOSTS: 'www.cloudflare.com=127.0.0.1:8080' }, /127.0.0.1:8080 is this proxy itself/],
  ] as const) {
    const reading = readConfig(env)
    assert.is(reading.ok, false, JSON.stringify(env))
    if (!reading.ok) {
      assert.is(reading.mistakes.length, 1, reading.mistakes.join('\n'))
      assert.match(reading.mistakes[0]!, mistake)
    }
  }
})

test('process.started has the domains as the setting does', () => {
  assert.is(shownSettings(read({ TLS_DOMAIN: 'a.example,b.example' })).tlsDomain, 'a.example,b.example')
})

test.run()
