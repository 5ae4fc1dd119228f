import { inspect } from 'node:util'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { addressText } from '../datacenter/directory.ts'
import { placeOf } from '../redis/place.ts'
import { type Config, type Environment, readConfig } from './config.ts'

const configOf = (env: Environment): Config => {
  const reading = readConfig(env)
  if (!reading.ok) throw new Error(reading.mistakes.join('\n'))
  return reading.config
}

const mistakesOf = (env: Environment): readonly string[] => {
  const reading = readConfig(env)
  return reading.ok ? [] : reading.mistakes
}

const reports = (env: Environment, ...parts: string[]): void => {
  const [only, ...rest] = mistakesOf(env)
  assert.equal(rest, [], inspect(env))
  for (const part of parts) assert.ok(only?.includes(part), `${only} should contain ${part}`)
}

test('an internationalized name is read as punycode, and an invalid one is shown as written', () => {
  const config = configOf({
    TLS_DOMAIN: 'пример.рф',
    MASK_HOST: 'Bücher.example',
    PUBLIC_HOST: '例え.テスト',
    KAFKA_BROKERS: 'брокер.рф:9092,[fd00::1]:9092',
    REDIS_URL: 'redis://:пароль@кэш.рф:6379/0',
    METRICS_ALLOWED_HOSTS: 'proxy, пример.рф,,none',
    TELEGRAM_DATACENTERS: '2=цод.рф:443,2=[fd00::1]:443',
  })
  assert.equal(
    [config.tlsDomain[0], config.maskHost, config.publicHost],
    ['xn--e1afmkfd.xn--p1ai', 'xn--bcher-kva.example', 'xn--r8jz45g.xn--zckzah'],
  )
  assert.equal(config.kafka?.brokers, ['xn--90aiopjd.xn--p1ai:9092', '[fd00::1]:9092'])
  assert.equal(config.redis?.urls, ['redis://:пароль@xn--j1a2ao.xn--p1ai:6379/0'])
  assert.equal(config.datacenters.get(2)?.map(addressText), ['xn--d1atx.xn--p1ai:443', '[fd00::1]:443'])
  assert.equal(config.metricsAllowedHosts, ['proxy', 'xn--e1afmkfd.xn--p1ai'])
  reports({ TLS_DOMAIN: 'пример' }, 'TLS_DOMAIN=пример is not a domain')
  for (const name of [
    'пример.рф/x',
    'пример.рф:443',
    'a@пример.рф',
    'при мер.рф',
    'пример%2f.рф',
    'a\u202eпример.рф',
  ])
    reports({ TLS_DOMAIN: name }, 'TLS_DOMAIN=', 'is not a domain')
  reports({ METRICS_ALLOWED_HOSTS: 'proxy:9464' }, 'METRICS_ALLOWED_HOSTS=proxy:9464 must be host names')
})

test('a REDIS_URL whose login is not encoded is reported with its cause, and no part of it is shown', () => {
  for (const url of [
    'redis://:hun@ter2/x@redis:6379',
    'redis://:hunter2/x@redis:6379',
    'redis://hunter:2/x@redis:6379',
    'redis://:hunter2#x@redis:6379',
    'redis://:hunter2?x@redis:6379',
    'redis://:hunter%2@redis:6379',
    'redis://:hunter2,x@redis:6379',
    'redis://redis:6379,redis://:hunter2%ff@redis:6379',
  ]) {
    reports({ REDIS_URL: url }, 'REDIS_URL has a character', '@ as %40')
    assert.not.match(mistakesOf({ REDIS_URL: url }).join(), /hun/)
  }
  for (const url of [
    'redis://',
    'redis://:hunter2@',
    'redis://:hunter2@redis:70000',
    'redis:hunter2',
    'redis://a b',
  ])
    reports({ REDIS_URL: url }, 'REDIS_URL must be redis://:password@host:6379, or rediss:// for TLS;')
  reports({ REDIS_URL: 'redis://redis/hunter2' }, 'REDIS_URL must end with its port or with the number')
  for (const url of [
    'redis://:p@ss:w@redis:6379',
    'redis://user:a%40%2F%25@redis/1',
    'rediss://[fd00::1]:6379',
    'redis://redis:6379/0?family=6',
  ])
    assert.equal(configOf({ REDIS_URL: url }).redis?.urls, [url])
})

test('REDIS_URL of a cluster or of Sentinels gives a URL for each host, which lead to the same place', () => {
  const placed = (url: string) => placeOf(configOf({ REDIS_URL: url }).redis!.urls)
  const two = [
    { host: 'a', port: 6379 },
    { host: 'fd00::1', port: 7000 },
  ]
  const cluster = placed('redis+cluster://:p%2Fw@a,[fd00::1]:7000')
  assert.equal([cluster.kind, cluster.hosts, cluster.login], ['cluster', two, { password: 'p/w' }])
  assert.equal(placed('redis://:p%2Fw@a,redis://:p%2Fw@[fd00::1]:7000'), cluster)
  assert.is(placed('rediss+cluster://a').kind, 'cluster')
  assert.is(placed('redis://a').kind, 'single')
  const sentinel = placed('rediss+sentinel://me:p@a,кэш.рф:7000/my.master-1/3?sentinelPassword=s%40+=1')
  assert.equal(sentinel, {
    kind: 'sentinel',
    hosts: [
      { host: 'a', port: 26379 },
      { host: 'xn--j1a2ao.xn--p1ai', port: 7000 },
    ],
    tls: true,
    login: { username: 'me', password: 'p' },
    db: 3,
    master: 'my.master-1',
    sentinelLogin: { password: 's@+=1' },
  })
  const user = placed('redis+sentinel://a/m?sentinelUsername=u&sentinelPassword=p')
  assert.equal(user.sentinelLogin, { username: 'u', password: 'p' })
})

test('a wrong REDIS_URL of a cluster or of Sentinels is reported with the right form, and no part of it is shown', () => {
  for (const [url, mistake] of [
    ['redis+cluster://:hunter2@a/1', 'REDIS_URL must end with a port, as redis+cluster://'],
    ['redis+sentinel://:hunter2@a,b', 'REDIS_URL must end with the name of the master'],
    ['redis+sentinel://a/m?password=hunter2', 'REDIS_URL must end with the name of the master'],
    ['redis+sentinel://a/m/0?sentinelPassword=hunter2%', 'REDIS_URL must end with the name of the master'],
    ['redis+sentinel://:hunter2@a,:hunter2@b/m', 'REDIS_URL has a character'],
    ['redis+sentinel://:hunter,2@a/m', 'REDIS_URL has a character'],
    ['redis+sentinel://a/m?sentinelPassword=hun@ter2', 'REDIS_URL has a character'],
    ['redis+cluster://hunter2:99999', 'REDIS_URL must be redis://'],
    ['redis+cluster://a,,hunter2', 'REDIS_URL must be redis://'],
    ['redis://a,redis+cluster://hunter2', 'REDIS_URL must be redis://'],
    ['redis+other://hunter2', 'REDIS_URL must be redis://'],
  ] as const) {
    reports({ REDIS_URL: url }, mistake)
    assert.not.match(mistakesOf({ REDIS_URL: url }).join(), /hun/, url)
  }
  reports({ REDIS_URL: 'redis://a', REDIS_CA: '/ca.pem' }, 'REDIS_CA is set, but REDIS_URL has no TLS')
  assert.is(configOf({ REDIS_URL: 'rediss://a', REDIS_CA: '/ca.pem' }).redis?.caFile, '/ca.pem')
})

test.run()
