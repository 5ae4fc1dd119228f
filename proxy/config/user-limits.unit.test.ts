import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { effectiveLimits, noLimits } from '../users/limits.ts'
import { readConfig } from './config.ts'

const secret = 'd6b1f0a9c87e4523901fbad24c6e7318'

const read = (env: Record<string, string>) => readConfig({ USER1_SECRET: secret, ...env })

const limitsOf = (env: Record<string, string>) => {
  const reading = read(env)
  assert.ok(reading.ok, reading.ok ? '' : reading.mistakes.join('\n'))
  const { users, userDefaults } = reading.config
  return effectiveLimits(users[0]!.limits, userDefaults)
}

const mistakesOf = (env: Record<string, string>): readonly string[] => {
  const reading = read(env)
  return reading.ok ? [] : reading.mistakes
}

test('without settings a user has no limit', () => {
  assert.equal(limitsOf({}), noLimits)
})

test('a user has its own limits, and the defaults for the rest', () => {
  const limits = limitsOf({
    USER_MAX_CONNECTIONS: '50',
    USER_QUOTA_MONTH: '100G',
    USER1_MAX_CONNECTIONS: '8',
    USER1_RATE_DOWN: '2M',
    USER1_MODES: 'tls',
    USER1_NETWORKS: '203.0.113.0/24, 2001:db8::/32,198.51.100.7',
  })
  assert.equal(limits, {
    ...noLimits,
    maxConnections: 8,
    quotaMonth: 100 * 1024 ** 3,
    rateDown: 2 * 1024 ** 2,
    modes: ['tls'],
    networks: ['203.0.113.0/24', '2001:db8::/32', '198.51.100.7'],
  })
})

test('none takes a default away from one user', () => {
  assert.is(limitsOf({ USER_MAX_IPS: '3', USER1_MAX_IPS: 'none' }).maxAddresses, null)
})

test('a day of expiry is valid to its end in UTC, and a moment is exact', () => {
  assert.is(limitsOf({ USER1_EXPIRES: '2026-12-31' }).expiresAt, Date.UTC(2027, 0, 1))
  assert.is(limitsOf({ USER1_EXPIRES: '2026-12-31T18:00+03:00' }).expiresAt, Date.UTC(2026, 11, 31, 15))
})

test('a wrong limit is reported with its setting, its value and what to write', () => {
  const wrong: readonly (readonly [string, string])[] = [
    ['EXPIRES', '2026-02-31'],
    ['EXPIRES', '2026-99-01'],
    ['EXPIRES', 'tomorrow'],
    ['NETWORKS', '203.0.113.0/33'],
    ['NETWORKS', 'example.org'],
    ['NETWORKS', 'fe80::1%eth0/64'],
    ['QUOTA_DAY', '-1'],
    ['RATE_UP', '10'],
    ['MAX_IPS', '0'],
    ['MODES', 'fast'],
  ]
  for (const [suffix, value] of wrong) {
    const [mistake = '', ...more] = mistakesOf({ [`USER1_${suffix}`]: value })
    assert.ok(mistake.startsWith(`USER1_${suffix}=${value} `), mistake)
    assert.equal(more, [])
  }
})

test('a mistaken ad tag is not repeated in the mistake', () => {
  const [mistake = ''] = mistakesOf({ USER1_AD_TAG: 'abcdef0123' })
  assert.match(mistake, /^USER1_AD_TAG is not an ad tag/)
})

test('a limit of a user without a secret is a mistake', () => {
  const [mistake = ''] = mistakesOf({ USER2_MAX_IPS: '3' })
  assert.match(mistake, /USER2 has no USER2_SECRET/)
})

test.run()
