import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { watched } from '../../../compose/test/kit/examples/watched-node.ts'

const hour = 3_600_000

type Host = ReturnType<typeof watched>
const load = (host: Host, failed: number, missing: number, ageMs: number): void =>
  host.emit({
    v: 1,
    type: 'networks.loaded',
    at: host.now,
    list: 'block',
    networks: 7,
    failed,
    missing,
    ageMs,
  })

test('a list of which nothing is known raises, and clears when it is loaded', () => {
  const host = watched()
  load(host, 1, 1, 1_000)
  host.pass(1)
  assert.equal(host.reported('list-stale'), ['+n1 BLOCK_LISTS'])
  assert.match(host.last('list-stale')!.summary, /their clients are accepted/)
  load(host, 0, 0, 0)
  host.pass(1)
  assert.equal(host.reported('list-stale'), ['+n1 BLOCK_LISTS', '-n1 BLOCK_LISTS'])
})

test('a list that cannot be loaded raises after a day', () => {
  const host = watched()
  load(host, 1, 0, hour)
  host.pass(1)
  assert.equal(host.reported('list-stale'), [])
  load(host, 1, 0, 25 * hour)
  host.pass(1)
  assert.match(host.last('list-stale')!.summary, /loaded 25 h ago \(limit 24 h\)/)
})

test.run()
