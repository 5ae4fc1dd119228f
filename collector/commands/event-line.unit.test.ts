import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { noon, session } from '../../compose/test/kit/examples/example-events.ts'
import { lineOf, matches } from './event-line.ts'

const [accepted, , , ...rest] = session({ user: 'a b', dc: 4 })
const closed = rest.at(-1)!

test('an event is one line with the names and values of its fields', () => {
  assert.match(
    lineOf('n1', closed),
    /^2026-11-23T12:00:00\.000Z n1 connection\.closed connection=[0-9a-f]{32} /,
  )
  assert.match(lineOf('n1', closed), ' user="a b" dc=4 ')
})

test('a filter selects by period and by every given field', () => {
  const day = { from: noon, to: noon + 1 }
  assert.ok(matches(day, 'n1', closed))
  assert.not(matches({ ...day, from: noon + 1 }, 'n1', closed))
  assert.not(matches({ from: 0, to: noon - 1 }, 'n1', closed))
  assert.ok(matches({ ...day, type: 'connection.closed', node: 'n1', user: 'a b', dc: '4' }, 'n1', closed))
  assert.not(matches({ ...day, user: 'a b' }, 'n1', accepted!))
  assert.not(matches({ ...day, node: 'n2' }, 'n1', closed))
})

test.run()
