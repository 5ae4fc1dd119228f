import { spawnSync } from 'node:child_process'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { freePorts } from '../compose/services/ports.ts'

test('where no broker is, one line says what to look at', async () => {
  const [port] = await freePorts(1)
  const { status, stdout, stderr } = spawnSync(
    process.execPath,
    [join(import.meta.dirname, 'replay.ts'), '--from', '1h'],
    {
      cwd: tmpdir(),
      encoding: 'utf8',
      env: { KAFKA_BROKERS: `127.0.0.1:${port}` },
    },
  )
  assert.is(status, 1)
  assert.is(stdout, '')
  assert.match(stderr, /^replay: Kafka did not answer \(unreachable\): .*KAFKA_BROKERS.*\n$/)
})

test.run()
