import { openKafka } from '../../../../proxy/kafka/connect.ts'
import { openProducer } from '../../../../proxy/kafka/producer.ts'
import { testConfig } from './test-config.ts'

// A child process of a test: sends one message, then idles. Prints the CPU time of two idle seconds in ms.
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
