import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { handLink } from '../../compose/test/kit/relay/hand-driven.ts'
import { type LinkEvents, unattached } from '../net/link.ts'
import { randomPool } from '../wire/random.ts'
import { Stream } from './stream.ts'
import { MOST_OF_CLIENT, openThread } from './thread.ts'

const streaming = (events: Partial<LinkEvents<null>>) => {
  const state = { blocks: false, refused: '' }
  const thread = openThread({
    random: randomPool(),
    clock: () => 0,
    epochSeconds: () => 0,
    report: (error) => {
      throw error
    },
  })
  const connection = {
    thread,
    link: handLink(),
    send: () => {},
    blocks: () => state.blocks,
    lingers: () => {},
    left: () => {},
  }
  const end = { address: Buffer.alloc(4), port: 1 }
  const stream = new Stream(connection, 1, {
    transport: 'intermediate',
    remote: end,
    ours: end,
    tag: null,
    refused: (reason) => {
      state.refused = reason
    },
  })
  stream.attach({ ...unattached, ...events }, null)
  const answers = (bytes: number): void => {
    stream.answerBegins(bytes)
    stream.answerBytes(Buffer.alloc(bytes), 0, bytes)
  }
  return { stream, state, thread, answers }
}

const message = Buffer.alloc(12)
message.writeUInt32LE(8, 0)

test('a client waits while the connection has enough to send or the client enough to take, and is woken once', () => {
  let drained = 0
  const { stream, state, answers } = streaming({ drained: () => drained++ })
  const write = (): boolean => stream.write(message, 0, message.length)
  assert.is(write(), true)
  state.blocks = true
  stream.pause()
  answers(5 << 20)
  assert.is(write(), false)
  assert.is(stream.unsent, 1)
  stream.resume()
  assert.equal([stream.unsent, drained], [1, 0])
  state.blocks = false
  stream.drained()
  assert.equal([stream.unsent, drained], [0, 1])
  assert.is(write(), true)
})

test('answers come in pieces of the size of a read, those that waited, too', () => {
  const sizes: number[] = []
  const { stream, answers } = streaming({ bytes: (_, __, start, end) => void sizes.push(end - start) })
  stream.readSize = 1_000
  answers(2_500)
  stream.pause()
  answers(2_500)
  assert.equal(sizes, [1_004, 1_000, 500])
  stream.resume()
  assert.equal(sizes, [1_004, 1_000, 500, 1_004, 1_000, 500])
})

test('a client that a rate holds back is closed at the bound of memory, and gives it back', () => {
  const { stream, state, thread, answers } = streaming({})
  stream.pause()
  answers(MOST_OF_CLIENT - 4)
  assert.is(state.refused, '')
  answers(8)
  assert.equal([state.refused, stream.closed, stream.unsent, thread.waiting], ['limit', true, 0, 0])
})

test.run()
