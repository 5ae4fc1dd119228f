import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { type Config, type Environment, readConfig } from './config.ts'

const configOf = (env: Environment): Config => {
  const reading = readConfig(env)
  if (!reading.ok) throw new Error(reading.mistakes.join('; '))
  return reading.config
}

const reports = (env: Environment, part: string): void => {
  const reading = readConfig(env)
  assert.ok(!reading.ok && reading.mistakes.some((mistake) => mistake.includes(part)), part)
}

test('what Telegram publishes comes by https, or from loopback', () => {
  const { middleProxyUrls } = configOf({})
  assert.equal(middleProxyUrls, {
    config: 'https://core.telegram.org/getProxyConfig',
    'config-v6': 'https://core.telegram.org/getProxyConfigV6',
    secret: 'https://core.telegram.org/getProxySecret',
  })
  assert.is(configOf({ MIDDLE_PROXY_CONFIG_V6_URL: 'none' }).middleProxyUrls['config-v6'], null)
  configOf({ MIDDLE_PROXY_CONFIG_URL: 'http://127.0.0.1:80/config' })
  for (const name of ['MIDDLE_PROXY_CONFIG_URL', 'MIDDLE_PROXY_CONFIG_V6_URL', 'MIDDLE_PROXY_SECRET_URL'])
    reports({ [name]: 'http://core.telegram.org/x' }, `${name} must be an https:// URL that returns what`)
  reports({ MIDDLE_PROXY_SECRET_URL: 'none' }, 'MIDDLE_PROXY_SECRET_URL must be an https:// URL')
})

test('test datacenters are served where TELEGRAM_TEST_DATACENTERS is true', () => {
  assert.not(configOf({}).datacenters.has(10_002))
  assert.ok(configOf({ TELEGRAM_TEST_DATACENTERS: 'true' }).datacenters.has(10_002))
  const own = configOf({ TELEGRAM_TEST_DATACENTERS: 'true', TELEGRAM_DATACENTERS: '2=127.0.0.1:1' })
  assert.equal([...own.datacenters.keys()], [2, 10_001, 10_002, 10_003])
  reports({ TELEGRAM_TEST_DATACENTERS: 'yes' }, 'TELEGRAM_TEST_DATACENTERS=yes must be true or false')
})

test.run()
