import { randomBytes } from 'node:crypto'
import { inspect } from 'node:util'
import * as fc from 'fast-check'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { runs } from '../../compose/test/kit/runs.ts'
import { addressesOf, telegram } from '../datacenter/directory.ts'
import { type Config, changedSettings, type Environment, readConfig } from './config.ts'
import { isSetting, settingNames, settings } from './settings.ts'

const host = { cores: 3, name: 'box 1' }
const good = 'c0ffee17a2b94d5e8f6071930ab4d2e6'
const other = '5b1f0c9de8a7463280f4716c2d95ab3e'

const configOf = (env: Environment, dotenv = ''): Config => {
  const reading = readConfig(env, dotenv, host)
  if (!reading.ok) throw new Error(reading.mistakes.join('\n'))
  return reading.config
}

const mistakesOf = (env: Environment, dotenv = ''): readonly string[] => {
  const reading = readConfig(env, dotenv, host)
  return reading.ok ? [] : reading.mistakes
}

const reports = (env: Environment, ...parts: string[]): void => {
  const [only, ...rest] = mistakesOf(env)
  assert.equal(rest, [], inspect(env))
  for (const part of parts) assert.ok(only?.includes(part), `${only} should contain ${part}`)
}

test('no setting is required', () => {
  const config = configOf({})
  assert.equal([config.port, config.host, config.modes.join()], [8080, '::', 'secure,tls'])
  assert.equal([config.users.length, config.workers, config.node], [0, 3, 'box-1'])
  assert.equal([config.maskHost, config.maskPort], ['www.cloudflare.com', 443])
  assert.equal(config.toClientBuffer, { low: 32_768, below: 50, high: 262_144 })
  assert.is(config.datacenters, telegram)
  assert.is(config.replayEntries, 65_536)
  assert.ok(Object.isFrozen(config))
})

test('every documented default is the value without the setting', () => {
  const env = Object.fromEntries(settingNames.map((name) => [name, settings[name].fallback]))
  assert.equal(configOf(env), configOf({}))
})

test('settings are read from environment and file, with units and quotes', () => {
  const config = configOf(
    {
      USER2_SECRET: other,
      USER2_NAME: 'Anna B.',
      PATH: '/bin',
      NODE_ENV: 'x',
      USERNAME: 'me',
      OTEL_SERVICE_NAME: 'x',
    },
    `MTPROTO_PORT=0\nUSER1_SECRET=${good} # first\nexport TLS_DOMAIN="Example.com"\nFAST_MODE=false\nMASK_HOST=off\r
     TO_CLT_BUFSIZE=16K,100,128K\nTG_CONNECT_TIMEOUT=0.5\nMAX_CONNS_IN_POOL=0\nREPLAY_CHECK_LEN=0\nDRAIN_SECONDS=0
     TELEGRAM_DATACENTERS='1=dc:443,2=[::1]:1'\nMODES=tls\nLOG_MAX_AGE=7d\nCLOCK_SKEW=90`,
  )
  assert.equal(
    config.users.map((user) => [user.name, user.secret.hex()]),
    [
      ['user1', good],
      ['Anna B.', other],
    ],
  )
  assert.equal(
    [config.port, config.tlsDomain[0], config.maskHost, config.fastMode],
    [0, 'example.com', null, false],
  )
  assert.equal(config.toClientBuffer, { low: 16_384, below: 100, high: 131_072 })
  assert.equal([config.poolSize, config.replayEntries, config.drainMs, config.dialTimeoutMs], [0, 0, 0, 500])
  assert.equal([config.logMaxAgeMs, config.clockSkewSeconds, config.modes.join()], [604_800_000, 90, 'tls'])
  assert.is(addressesOf(config.datacenters, 2, true)[0]?.host, '::1')
})

test('PUBLIC_HOST_FROM must be https, or on loopback', () => {
  const from = (text: string): string | null => configOf({ PUBLIC_HOST_FROM: text }).publicHostFrom
  assert.is(from('none'), null)
  for (const url of [
    'https://echo.test/ip',
    'http://127.0.0.1:8000/',
    'http://[::1]:8000/',
    'http://localhost/',
  ])
    assert.is(from(url), url)
  for (const url of [
    'http://echo.test/',
    'http://127.evil.test/',
    'https://me:hush@echo.test/',
    'echo.test',
    'ftp://echo.test',
  ])
    reports({ PUBLIC_HOST_FROM: url }, 'PUBLIC_HOST_FROM must be an https:// URL')
})

test('the environment takes precedence over the file', () => {
  assert.is(configOf({ MTPROTO_PORT: '9000' }, 'MTPROTO_PORT=8000').port, 9000)
})

test('OTEL_* of the file are returned, those of the environment stay there', () => {
  const reading = readConfig({ OTEL_A: '1' }, 'OTEL_A=2\nOTEL_B=3\nCOMPOSE_PROFILES=x', host)
  assert.ok(reading.ok)
  assert.equal(reading.telemetry, { OTEL_B: '3' })
})

test('changed settings are named, without users; another spelling is not a change', () => {
  const changed = (before: string, now: string): string[] => {
    const [one, other] = [readConfig({}, before, host), readConfig({}, now, host)]
    return one.ok && other.ok ? changedSettings(one, other) : ['a mistake']
  }
  const dcs = 'TELEGRAM_DATACENTERS=2=192.0.2.1:443'
  assert.equal(changed(`DRAIN_SECONDS=5\n${dcs}`, `DRAIN_SECONDS=5s\n${dcs}\nUSER1_SECRET=${good}`), [])
  assert.equal(changed('', 'MODES=tls\nMTPROTO_PORT=443\nOTEL_A=1'), ['MTPROTO_PORT', 'MODES', 'OTEL_A'])
  assert.equal(changed(dcs, `${dcs}4`), ['TELEGRAM_DATACENTERS'])
})

test('every mistake is reported in one list', () => {
  const mistakes = mistakesOf(
    { MTPROTO_PORT: '80800', WORKERS: '0', USER1_NAME: 'x', MTPROTO_PROT: '1' },
    'FAST_MODE=ja\nhello\nMODES=\nMASK_PORT=1\nMASK_PORT=2',
  )
  for (const name of [
    'MTPROTO_PORT=80800',
    'WORKERS=0',
    'USER1_NAME',
    'MTPROTO_PROT',
    'FAST_MODE=ja',
    'line 2',
    'MODES',
    'MASK_PORT again',
  ]) {
    assert.is(mistakes.filter((line) => line.includes(name)).length, 1, `${name} in ${mistakes.join('\n')}`)
  }
  assert.is(mistakes.length, 8)
})

test('a misspelled name is refused, with a suggestion', () => {
  reports({ USER1_SECRETT: good }, 'USER1_SECRETT', 'did you mean USER1_SECRET?')
  reports({ USER12_SECRTE: good }, 'did you mean USER12_SECRET?')
  reports({ USER_SECRET: good }, 'did you mean USER1_SECRET?')
  reports({ mtproto_port: '1' }, 'did you mean MTPROTO_PORT?')
  reports({ TELEGRAM_DATACENTER: '1' }, 'did you mean TELEGRAM_DATACENTERS?')
  assert.match(mistakesOf({}, 'TG_CONECT_TIMEOUT=1')[0] ?? '', 'did you mean TG_CONNECT_TIMEOUT?')
  assert.match(
    mistakesOf({}, 'SOMETHING=1')[0] ?? '',
    '.env line 1: SOMETHING is not a setting: leave it out',
  )
  for (const name of ['FOO', 'PATH', 'EDITOR'])
    assert.equal(mistakesOf({}, `${name}=bar`), [`.env line 1: ${name} is not a setting: leave it out`])
})

test('the settings of a fleet are read', () => {
  const { kafka, redis, webhook } = configOf({
    KAFKA_BROKERS: 'kafka-1:9092, [::1]:9092',
    KAFKA_TLS: 'true',
    KAFKA_SASL: 'scram-sha-512',
    KAFKA_USERNAME: 'proxy',
    KAFKA_PASSWORD: 'long',
    KAFKA_TOPIC_PREFIX: 'family',
    REDIS_URL: 'rediss://:long@redis-1:6379,rediss://:long@redis-2:6379',
    ALERT_WEBHOOK_URL: 'https://hooks.example.com/mtscope',
  })
  assert.equal(kafka?.brokers, ['kafka-1:9092', '[::1]:9092'])
  assert.equal(kafka?.sasl, { mechanism: 'scram-sha-512', username: 'proxy', password: 'long' })
  assert.is(kafka?.topics.events, 'family.events')
  assert.is(redis?.urls.length, 2)
  assert.equal(webhook, { url: 'https://hooks.example.com/mtscope', secret: null })
  const alone = configOf({ KAFKA_BROKERS: '', REDIS_URL: 'none' })
  assert.is(alone.kafka, null)
  assert.is(alone.redis, null)
})

test('a wrong fleet setting is reported without its secrets', () => {
  reports({ KAFKA_BROKERS: 'kafka' }, 'KAFKA_BROKERS=kafka must be host:port')
  reports({ KAFKA_BROKERS: 'me:hunter2@kafka:9092' }, 'KAFKA_BROKERS must be host:port')
  reports({ KAFKA_SASL: 'plain' }, 'KAFKA_SASL=plain needs KAFKA_USERNAME and KAFKA_PASSWORD')
  reports({ KAFKA_CA: '/ca.pem' }, 'KAFKA_TLS=true')
  reports({ REDIS_URL: 'http://:hunter2@redis' }, 'REDIS_URL must be redis://')
  reports({ REPLAY_WINDOW: '5m' }, 'REPLAY_WINDOW is shorter than twice CLOCK_SKEW: write 600')
  for (const env of [{ REDIS_URL: 'http://:hunter2@redis' }, { ALERT_WEBHOOK_URL: 'ftp://hunter2' }])
    assert.not.match(mistakesOf(env).join(), 'hunter2')
})

test('a refused secret comes with what to write instead', () => {
  const secret = (text: string, ...parts: string[]): void =>
    reports({ USER1_SECRET: text }, 'USER1_SECRET', ...parts)
  secret(`dd${good}`, 'starts with dd', '32 hex digits after it')
  secret(`EE${good}6578616d706c652e636f6d`, 'starts with ee', 'TLS_DOMAIN')
  secret('', 'openssl rand -hex 16')
  secret(`${good}0`, 'openssl rand -hex 16')
  reports(
    { USER1_SECRET: good, USER2_SECRET: good.toUpperCase() },
    'USER2_SECRET is the same as USER1_SECRET',
  )
  reports({ USER1_SECRET: good, USER2_SECRET: other, USER2_NAME: 'User1' }, 'USER2_NAME', 'name of USER1 too')
  reports({ USER1_NAME: 'anna' }, 'USER1_NAME has no USER1_SECRET', 'openssl rand -hex 16')
  reports({ USER1_SECRET: good, USER1_NAME: 'a"b' }, 'USER1_NAME')
  reports({ USER1_SECRET: good, USER1_NAME: 'other' }, 'USER1_NAME')
})

test('TCP_CONGESTION must be a name as the kernel has it', () => {
  reports(
    { TCP_CONGESTION: 'BBR v3' },
    'TCP_CONGESTION=BBR v3 must be auto, system, or the name of an algorithm',
  )
  reports({ TCP_NOTSENT_LOWAT: '-1' }, 'TCP_NOTSENT_LOWAT=-1 must be bytes from 0')
  assert.is(configOf({ TCP_CONGESTION: 'cubic' }).congestion, 'cubic')
})

test('MTPROTO_HOST must be an address, since a name can resolve to any', () => {
  for (const host of ['localhost', 'proxy.example.com', 'fe80::1%eth0', '[fe80::1%eth0]', '127.1', '::1]'])
    reports({ MTPROTO_HOST: host }, `MTPROTO_HOST=${host} is not an IP address`, 'write one of this host')
  assert.is(configOf({ MTPROTO_HOST: '127.0.0.1' }).host, '127.0.0.1')
  assert.is(configOf({ MTPROTO_HOST: '[::1]' }).host, '::1')
  reports({ MASK_HOST: 'fe80::1%eth0' }, 'MASK_HOST=fe80::1%eth0 has a zone')
  reports({ TELEGRAM_DATACENTERS: '2=[fe80::1%eth0]:443' }, 'has a zone', 'datacenter 2')
})

test('settings that contradict each other are reported', () => {
  reports({ MTPROTO_PORT: '9464' }, 'MTPROTO_PORT and METRICS_PORT are both 9464')
  reports({ TLS_DOMAIN: '' }, 'TLS_DOMAIN is empty', 'MODES')
  reports({ MASK_HOST: 'localhost', MASK_PORT: '8080' }, 'this proxy itself')
  const listeners = '[::]:443,127.0.0.1:8443,unix:/run/a/b.sock'
  for (const [at, whose] of [
    ['localhost:8443', 'MASK_HOSTS=b.example=localhost:8443'],
    ['0.0.0.0:443', 'MASK_HOSTS=b.example=0.0.0.0:443'],
    ['unix:/run/a/../a/b.sock', 'MASK_HOSTS=b.example=unix:/run/a/../a/b.sock'],
  ] as const) {
    const domains = { TLS_DOMAIN: 'a.example,b.example', MASK_HOSTS: `b.example=${at}` }
    reports({ LISTEN: listeners, ...domains }, `${whose} is this proxy itself`)
  }
  // A web server on loopback, with the proxy on the public address.
  configOf({ LISTEN: '192.0.2.1:443', MASK_HOST: '127.0.0.1' })
  configOf({ LISTEN: '192.0.2.1:443,unix:/run/b.sock', MASK_HOST: 'unix:/run/a.sock' })
  configOf({ MTPROTO_PORT: '0', METRICS_PORT: '0' })
  assert.is(configOf({ TLS_DOMAIN: '', MODES: 'secure' }).maskHost, null)
})

test('no mistake repeats a secret, whichever setting held it', () => {
  const anywhere = fc.constantFrom(
    ...settingNames,
    'USER1_SECRETT',
    'USER1_NAME',
    'AD_TAG',
    'WHAT',
    'USER1_SECRET',
  )
  const wrap = fc.constantFrom(
    (s: string) => s,
    (s: string) => `dd${s}`,
    (s: string) => `x=${s}`,
    (s: string) => `"${s}`,
  )
  fc.assert(
    fc.property(anywhere, wrap, fc.boolean(), (name, wrap, inFile) => {
      const secret = randomBytes(16).toString('hex')
      const mistakes = inFile
        ? mistakesOf({}, `${name}=${wrap(secret)}`)
        : mistakesOf({ [name]: wrap(secret) })
      assert.not.ok(mistakes.join('\n').toLowerCase().includes(secret), mistakes.join('\n'))
    }),
  )
})

test('no environment and no file makes readConfig throw, and every mistake is one line', () => {
  const names = fc.oneof(
    fc.string(),
    fc.constantFrom(...settingNames, 'USER1_SECRET', 'USER1_NAME', '__proto__', 'constructor'),
  )
  const values = fc.oneof(
    fc.string(),
    fc.integer().map(String),
    fc.constantFrom('off', 'auto', 'true', '1,2,3', '-1', '1e3', '٣'),
  )
  const lines = fc.array(fc.tuple(names, values).map(([name, value]) => `${name}=${value}`))
  fc.assert(
    fc.property(
      fc.dictionary(names, values),
      fc.oneof(
        fc.string(),
        lines.map((all) => all.join('\n')),
      ),
      (env, dotenv) => {
        for (const mistake of mistakesOf(env, dotenv)) assert.not.match(mistake, /[\n\r]/)
      },
    ),
    { numRuns: runs(500) },
  )
})

test('every setting is documented in one line', () => {
  for (const name of settingNames) assert.ok(/^[^\n]{8,150}$/.test(settings[name].doc), name)
  assert.not.ok(isSetting('toString'))
})

test.run()
