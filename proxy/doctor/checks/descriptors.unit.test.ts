import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { exampleAbout } from '../../../compose/test/kit/examples/doctor-example.ts'
import { examine } from '../examine.ts'
import { connectionsFor, descriptorsCheck } from './descriptors.ts'

test('each connection takes two descriptors', async () => {
  assert.is(connectionsFor({ poolSize: 0, datacenters: new Map(), workers: 1 }, 2_040, 0), 1_000)
  const allowing = (maxFds: number) =>
    examine(
      { descriptors: descriptorsCheck },
      exampleAbout({ MAX_CONNECTIONS: '20000' }, { openFds: 60, maxFds, connections: 0 }),
    )
  const [few, some, enough] = [await allowing(1_024), await allowing(20_000), await allowing(65_536)]
  assert.equal([few[0]?.verdict, some[0]?.verdict, enough[0]?.verdict], ['fail', 'warn', 'ok'])
  assert.match(few[0]?.advice ?? '', 'nofile=65536')
})

test.run()
