import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { exampleAbout, exampleFolder } from '../../../compose/test/kit/examples/doctor-example.ts'
import { examine } from '../examine.ts'
import { diskCheck } from './disk.ts'

const look = async (DATA_DIR: string, logMaxBytes: number): Promise<string | undefined> => {
  const about = exampleAbout({ DATA_DIR })
  const config = { ...about.config, logMaxBytes }
  return (await examine({ disk: diskCheck }, { ...about, config }))[0]?.verdict
}

test('a folder without space or permission is reported', async () => {
  using there = exampleFolder({ file: '' })
  assert.is(await look(join(there.path, 'not', 'yet'), 1_024 ** 2), 'ok')
  assert.is(await look(there.path, Number.MAX_SAFE_INTEGER), 'warn')
  assert.is(await look(join(there.path, 'file'), 1_024 ** 2), 'fail')
})

test.run()
