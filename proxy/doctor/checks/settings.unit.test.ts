import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { exampleAbout, exampleFolder, verdictsOf } from '../../../compose/test/kit/examples/doctor-example.ts'
import { examine } from '../examine.ts'
import { exposure, mistakeFindings, settingsCheck } from './settings.ts'

test('settings that are valid and unwise are reported', async () => {
  const found = await examine(
    { settings: settingsCheck },
    exampleAbout({
      MODES: 'classic,tls',
      REPLAY_CHECK_LEN: '0',
      PUBLIC_HOST: 'proxy.test',
      KAFKA_BROKERS: 'kafka:9092',
      KAFKA_SASL: 'plain',
      KAFKA_USERNAME: 'a',
      KAFKA_PASSWORD: 'b',
      REDIS_URL: 'redis://redis:6379',
    }),
  )
  const expected = {
    'settings.disguise': 'warn',
    'settings.replays': 'warn',
    'settings.links': 'ok',
    'settings.kafka': 'warn',
    'settings.redis': 'note',
  }
  assert.equal(Object.fromEntries(Object.keys(expected).map((id) => [id, verdictsOf(found)[id]])), expected)
})

test('a status page beyond loopback is a warning, and a note in a container', () => {
  const verdict = (metricsHost: string, contained: boolean): string =>
    exposure({ metricsHost }, contained).verdict
  assert.equal(
    [verdict('::1', false), verdict('0.0.0.0', true), verdict('0.0.0.0', false)],
    ['ok', 'note', 'warn'],
  )
})

test('a file of secrets that other users may read is reported', async () => {
  using data = exampleFolder({ 'secrets.json': '{}' })
  const found = await examine({ settings: settingsCheck }, exampleAbout({ DATA_DIR: data.path }))
  assert.is(verdictsOf(found)['settings.secrets'], 'warn')
})

test('each mistake of readConfig is a failure', () => {
  assert.equal(verdictsOf(mistakeFindings(['a', 'b'])), {
    'settings.mistake-1': 'fail',
    'settings.mistake-2': 'fail',
  })
})

test.run()
