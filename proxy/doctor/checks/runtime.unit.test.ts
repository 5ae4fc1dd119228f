import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { congestionFinding } from './runtime.ts'

const host = { usual: 'cubic', allowed: ['reno', 'cubic'] }
const allowed = (): null => null

const found = (...args: Parameters<typeof congestionFinding>): [string, string] => {
  const { verdict, states } = congestionFinding(...args)
  return [verdict, states]
}

test('a congestion control that the kernel refuses is a warning with its errno', () => {
  assert.equal(
    found('bbr', host, () => 'ENOENT'),
    ['warn', 'the kernel refuses TCP_CONGESTION=bbr (ENOENT): clients are sent to by cubic'],
  )
})

test('without bbr for every process, auto is a note', () => {
  assert.equal(found('auto', host, allowed), [
    'note',
    'clients are sent to by cubic: the kernel does not offer bbr to this process',
  ])
})

test('a congestion control in use is named', () => {
  const both = { usual: 'cubic', allowed: ['cubic', 'bbr'] }
  assert.equal(found('auto', both, allowed), ['ok', 'clients are sent to by bbr'])
  assert.equal(found('system', both, allowed), ['ok', 'clients are sent to by cubic'])
  assert.equal(found('reno', host, allowed), ['ok', 'clients are sent to by reno'])
})

test.run()
