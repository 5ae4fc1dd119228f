import { PassThrough } from 'node:stream'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { announcement, followInstallation } from './preparation.ts'

test('names become ready one after the other; what needs none of them is ready from the start', async () => {
  const output = new PassThrough()
  const lines: string[] = []
  const { isReady, ready } = followInstallation(['redis', 'kafka'], output, (line) => lines.push(line))
  assert.equal([isReady([]), isReady(['chromium']), isReady(['redis'])], [true, true, false])
  output.write('installing redis-server for the tests\nready redis\n')
  await ready(['redis'])
  assert.equal([isReady(['redis']), isReady(['kafka']), isReady(['redis', 'kafka'])], [true, false, false])
  output.write('ready kafka\n')
  await ready(['redis', 'kafka'])
  assert.equal(lines, ['installing redis-server for the tests'])
  output.end()
})

test('an installation that ends early holds up no test', async () => {
  const output = new PassThrough()
  const { isReady, ready } = followInstallation(['redis', 'kafka'], output, () => {})
  output.end('ready redis\n')
  await ready(['kafka'])
  assert.ok(isReady(['redis', 'kafka']))
})

test('the announcement names each server and what is installed for it', () => {
  const text = announcement([{ name: 'redis', installs: 'redis-server (Debian package)' }])
  assert.match(text, '  redis: redis-server (Debian package)\n')
})

test.run()
