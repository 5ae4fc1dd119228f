import * as fc from 'fast-check'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { runs } from '../../compose/test/kit/runs.ts'
import { plainFields, readConfig } from './config.ts'
import type { Setting } from './setting.ts'
import { settingNames, settings } from './settings.ts'
import { shownSettings } from './shown.ts'

const text = (env: Record<string, string>): string => {
  const reading = readConfig(env)
  if (!reading.ok) throw new Error(reading.mistakes.join())
  return JSON.stringify(shownSettings(reading.config))
}

test('settings are shown as texts, users and datacenters by number', () => {
  const reading = readConfig({ MTPROTO_PORT: '8443', MODES: 'tls', TELEGRAM_DATACENTERS: '1=192.0.2.1:443' })
  assert.ok(reading.ok)
  const settings = shownSettings(reading.config)
  assert.is(settings.port, '8443')
  assert.is(settings.modes, '["tls"]')
  assert.is(settings.users, '0')
  assert.is(settings.datacenters, '1')
  assert.ok(Object.values(settings).every((value) => typeof value === 'string'))
})

test('no secret in any spelling, and no public or datacenter address, is shown', () => {
  const bytes = fc.uint8Array({ minLength: 16, maxLength: 16 }).filter((one) => new Set(one).size > 12)
  fc.assert(
    fc.property(bytes, fc.ipV4(), fc.ipV4(), (one, own, far) => {
      const secret = Buffer.from(one)
      const env = {
        USER1_SECRET: secret.toString('hex'),
        PUBLIC_HOST: `9${own}`.replace(/^9\d+/, '203'),
        PUBLIC_HOST_FROM: 'https://echo.internal/token',
        TELEGRAM_DATACENTERS: `1=${`9${far}`.replace(/^9\d+/, '198')}:4431`,
        DATA_DIR: '/var/lib/somewhere',
        KAFKA_BROKERS: 'broker.internal:9092',
        KAFKA_SASL: 'plain',
        KAFKA_USERNAME: 'kafkauser',
        KAFKA_PASSWORD: 'kafkapass',
        REDIS_URL: 'redis://:hunter2@redis.internal',
        ALERT_WEBHOOK_URL: 'https://hooks.internal/opaque',
        ALERT_WEBHOOK_SECRET: 'signing',
        UPSTREAMS: 'socks5://sockser:sockspass@socks.internal:1080,bind:192.0.2.231,direct',
      }
      const reading = readConfig(env)
      fc.pre(reading.ok)
      const printed = text(env).toLowerCase()
      for (const hidden of [
        secret.toString('hex'),
        secret.toString('base64').toLowerCase(),
        secret.toString('base64url').toLowerCase(),
        [...secret].join(','),
        env.PUBLIC_HOST,
        env.TELEGRAM_DATACENTERS.slice(2, -5),
        'echo.internal',
        env.DATA_DIR,
        env.KAFKA_BROKERS,
        env.KAFKA_USERNAME,
        env.KAFKA_PASSWORD,
        'hunter2',
        'redis.internal',
        'opaque',
        'sockser',
        'sockspass',
        'socks.internal',
        '192.0.2.231',
        env.ALERT_WEBHOOK_SECRET,
      ]) {
        assert.not(printed.includes(hidden), hidden)
      }
    }),
    { numRuns: runs(50) },
  )
})

test('process.started has these settings, and no others', () => {
  const reading = readConfig({})
  assert.ok(reading.ok)
  const names = `ackTimeoutMs addressWindowMs alertFactor blockedClients clientMss clockSkewSeconds collectorPort congestion datacenters dialTimeoutMs doctorIntervalMs drainMs
    fastMode firstByteTimeoutMs handshakeTimeoutMs host idleTimeoutMs kafka listRefreshMs logMaxAgeMs logMaxBytes maskHost maskPort
    maxConnections maxHandshakes metricsHost metricsPort middleProxyConnections
    middleProxyFallback modes node notSentBytes poolSize port portShared portable
    preferIpv6 probeIntervalMs
    publicPort recordSizes redis replayEntries replayOnRedisLoss replayWindowMs stallTimeoutMs tlsDomain toClientBuffer
    toDatacenterBuffer unauthenticatedEvents upstreams useMiddleProxy userDrainMs users webhook workers`
  assert.equal(Object.keys(shownSettings(reading.config)).sort(), names.split(/\s+/))
})

test('a setting without a mark appears nowhere: neither in mistakes nor in process.started', () => {
  const table: Record<string, Setting<unknown>> = settings
  for (const [field, name] of Object.entries(plainFields)) {
    // The parser quotes the wrong entry, and the field is the list of numbers.
    if (field === 'datacenters') continue
    // The field is the list of names.
    const isList = field === 'upstreams'
    const setting = table[name]!
    const { shown: _, ...unmarked } = setting
    table[name] = unmarked
    try {
      const wrong = readConfig({ [name]: 'hunter2\0' })
      assert.ok(!wrong.ok && !wrong.mistakes.join().includes('hunter2'), name)
      const right = readConfig({})
      assert.ok(right.ok)
      assert.not.ok(field in shownSettings(right.config) && !isList, name)
    } finally {
      table[name] = setting
    }
  }
})

test('no secret setting is marked as shown', () => {
  for (const name of settingNames) {
    const setting: Setting<unknown> = settings[name]
    assert.not.ok(setting.secret && setting.shown, name)
  }
})

test.run()
