import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { type Config, type Environment, readConfig } from './config.ts'

const good = 'c0ffee17a2b94d5e8f6071930ab4d2e6'

const configOf = (env: Environment): Config => {
  const reading = readConfig(env)
  if (!reading.ok) throw new Error(reading.mistakes.join('\n'))
  return reading.config
}

const reports = (env: Environment, ...parts: string[]): void => {
  const reading = readConfig(env)
  const mistakes = reading.ok ? [] : reading.mistakes
  assert.is(mistakes.length, 1)
  for (const part of parts) assert.ok(mistakes[0]?.includes(part), `${mistakes[0]} should contain ${part}`)
}

test('the settings of advertising mode are read', () => {
  const off = configOf({ USE_MIDDLE_PROXY: 'false', AD_TAG: '', KAFKA_BROKERS: '', REDIS_URL: '' })
  assert.not.ok(off.useMiddleProxy)
  assert.is(off.adTag, null)
  const on = configOf({
    USE_MIDDLE_PROXY: 'true',
    AD_TAG: good.toUpperCase(),
    MIDDLE_PROXY_FALLBACK: 'refuse',
  })
  assert.ok(on.useMiddleProxy)
  assert.is(on.adTag, good)
  assert.is(on.middleProxyFallback, 'refuse')
  for (const [name, value, because] of [
    ['AD_TAG', 'd41d8cd98f00b204', 'is not an ad tag'],
    ['MIDDLE_PROXY_CONNECTIONS', '0', 'must be'],
    ['MIDDLE_PROXY_FALLBACK', 'wait', 'must be'],
  ] as const)
    reports({ [name]: value }, name, because)
  reports({ AD_TAG: good }, 'AD_TAG', 'needs USE_MIDDLE_PROXY=true')
})

test.run()
