import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { diskCheck } from './disk.ts'
import { examine } from './examine.ts'
import { exampleAbout, exampleFolder } from './example.ts'

const look = async (env: Readonly<Record<string, string>>): Promise<string | undefined> =>
  (await examine({ disk: diskCheck }, exampleAbout(env)))[0]?.verdict

test('a folder without room or right is told', async () => {
  using there = exampleFolder({ file: '' })
  assert.is(await look({ DATA_DIR: join(there.path, 'not', 'yet'), LOG_MAX_BYTES: '1M' }), 'ok')
  assert.is(await look({ DATA_DIR: there.path, LOG_MAX_BYTES: `${1_024 ** 4}` }), 'warn')
  assert.is(await look({ DATA_DIR: join(there.path, 'file') }), 'fail')
})

test.run()
