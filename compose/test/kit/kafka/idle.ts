import { openKafka } from '../../../../proxy/kafka/connect.ts'
import { openProducer } from '../../../../proxy/kafka/producer.ts'
import { testConfig } from './test-config.ts'

// For a test: a process that has sent one message and then does nothing; says the CPU it takes, in ms of two seconds.
const [broker = ''] = process.argv.slice(2)
const producer = openProducer(
  openKafka(testConfig([broker]), 'idle', () => {}),
  'mtscope.events',
)
await producer.send(0, [{ value: 'one' }])
setTimeout(() => {
  const before = process.cpuUsage()
  setTimeout(() => {
    const { user, system } = process.cpuUsage(before)
    process.stdout.write(`${(user + system) / 1000}\n`)
    process.exit(0)
  }, 2_000)
}, 500)
