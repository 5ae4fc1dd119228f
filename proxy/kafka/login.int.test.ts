import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { testConfig } from '../../compose/test/kit/kafka/test-config.ts'
import { skipUnless } from '../../compose/test/kit/skip.ts'
import { ensureKafka, startKafka } from '../../compose/test/services/kafka.ts'
import { until } from '../../compose/test/until.ts'
import { openKafka } from './connect.ts'
import { openProducer } from './producer.ts'

const it = skipUnless(test, ensureKafka() !== null, 'java, mvn or the jars of Kafka are missing')

const jaas = 'org.apache.kafka.common.security.plain.PlainLoginModule required'

it('a broker that requires a login gets it; a wrong password is logged as login-refused, without the password', async () => {
  await using broker = await startKafka({
    properties: {
      'listener.security.protocol.map': 'PLAINTEXT:SASL_PLAINTEXT,CONTROLLER:PLAINTEXT',
      'sasl.enabled.mechanisms': 'PLAIN',
      'sasl.mechanism.inter.broker.protocol': 'PLAIN',
      'inter.broker.listener.name': 'PLAINTEXT',
      'listener.name.plaintext.plain.sasl.jaas.config': `${jaas} username="broker" password="inner" user_broker="inner" user_proxy="right";`,
    },
  })
  const open = (password: string, printed: string[]) =>
    openProducer(
      openKafka(
        {
          ...testConfig(broker.brokers),
          sasl: { mechanism: 'plain', username: 'proxy', password },
        },
        'test',
        (_, what, fields) => printed.push(`${what} ${JSON.stringify(fields)}`),
      ),
      'mtscope.events',
    )
  const printed: string[] = []
  const wrong = open('wrong-password', printed)
  void wrong.send(0, [{ value: 'never' }]).catch(() => {})
  await until(() => (wrong.failures.get('login-refused') ?? 0) > 0, 'the refusal is counted', 30_000)
  assert.match(printed.join(), 'login-refused')
  assert.not.match(printed.join(), 'wrong-password')
  await wrong.close()
  const right = open('right', [])
  await right.send(0, [{ value: 'taken' }])
  assert.is(right.up, true)
  await right.close()
})

test.run()
