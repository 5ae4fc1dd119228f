import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { alertmanagerConfig } from '../../../compose/docker/receivers.ts'
import { readConfig } from '../../../proxy/config/config.ts'

const env = { USER1_SECRET: 'c0ffee17a2b94d5e8f6071930ab4d2e6', PUBLIC_HOST: '192.0.2.1' }

test('without a setting neither alert path notifies', () => {
  const reading = readConfig(env)
  assert.is(reading.ok ? reading.config.webhook : reading.mistakes.join(), null)
  assert.equal(alertmanagerConfig({}).receivers, [{ name: 'operator' }])
})

test('a receiver of the stack does not make the collectors post', () => {
  const receiver = { ALERT_RECEIVER_URL: 'https://hooks.example.com/pager' }
  const reading = readConfig({ ...env, ...receiver })
  assert.is(reading.ok ? reading.config.webhook : reading.mistakes.join(), null)
  assert.is(alertmanagerConfig(receiver).receivers[0]?.webhook_configs?.[0]?.url, receiver.ALERT_RECEIVER_URL)
})

test.run()
