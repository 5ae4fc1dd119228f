import { randomBytes } from 'node:crypto'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { handLink } from '../../compose/test/kit/relay/hand-driven.ts'
import { Outbox } from './outbox.ts'
import { Spare } from './spare.ts'

test('bytes of any size leave in their order, whenever the link takes them', () => {
  const link = handLink()
  const outbox = new Outbox(link, new Spare())
  link.attach({ drained: () => outbox.drained() } as never, null)
  const all: Buffer[] = []
  for (const size of [10, 50_000, 131_072, 0, 400_001, 16, 262_144, 1]) {
    if (size === 50_000 || size === 16) link.block()
    const bytes = randomBytes(size + 8)
    outbox.write(bytes, 4, size + 4)
    all.push(Buffer.from(bytes.subarray(4, size + 4)))
    // The memory of the caller is its own again.
    bytes.fill(0)
    if (size === 400_001) link.unblock()
  }
  assert.ok(outbox.unsent > 0)
  link.unblock()
  assert.is(outbox.unsent, 0)
  assert.is(link.text, Buffer.concat(all).toString('latin1'))
})

test('what waits is forgotten with the connection', () => {
  const link = handLink()
  const outbox = new Outbox(link, new Spare())
  link.block()
  for (let i = 0; i < 3; i++) outbox.write(randomBytes(200_000), 0, 200_000)
  link.close()
  outbox.drained()
  outbox.clear()
  assert.is(outbox.unsent, 0)
})

test.run()
