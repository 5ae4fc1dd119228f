import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { congestionFor, hostCongestion } from './congestion.ts'

const offering = (...allowed: string[]) => ({ usual: 'cubic', allowed })

test('auto is bbr only where every process may use it', () => {
  assert.is(congestionFor('auto', offering('reno', 'cubic', 'bbr')), 'bbr')
  assert.is(congestionFor('auto', offering('reno', 'cubic')), null)
  assert.is(congestionFor('auto', hostCongestion('/does/not/exist')), null)
})

test('a name is asked for whatever the host allows, and system asks for nothing', () => {
  assert.is(congestionFor('bbr', offering('reno')), 'bbr')
  assert.is(congestionFor('system', offering('reno', 'bbr')), null)
})

test.run()
