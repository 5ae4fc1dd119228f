import { test } from 'uvu'
import * as assert from 'uvu/assert'
import * as c from './libc.ts'
import { type Loop, NativeLink } from './link.ts'

const onLinux = c.libc === null ? test.skip : test

/** A link whose reads return `arriving` bytes; 0: nothing has come. */
const linked = () => {
  const resting: NativeLink[] = []
  const sizes: number[] = []
  const world = {
    arriving: 1_448,
    loop: { wokeAt: 0 },
    /** Packets come one by one, `everyMs` apart. */
    packets: (count: number, everyMs: number): void => {
      for (let i = 0; i < count && (link.interest & c.EPOLLIN) !== 0; i++) {
        world.loop.wokeAt += everyMs
        link.ready(c.EPOLLIN)
      }
    },
    /** The rest ends after `arriving` bytes. */
    endRest: (arriving: number): void => {
      world.arriving = arriving
      world.loop.wokeAt += 3
      for (const link of resting.splice(0)) link.rested()
    },
  }
  const loop = Object.assign(world.loop, {
    libc: { recv: () => world.arriving || -1, errno: () => c.EAGAIN } as unknown as c.Libc,
    scratch: c.pinned(70_000),
    pipe: null,
    watch: (link: NativeLink, interest: number) => {
      link.interest = interest
    },
    rest: (link: NativeLink) => resting.push(link),
    renewPipe: () => {},
    stopSplicing: () => {},
    release: () => {},
    fail: () => {},
    report: (error: unknown) => {
      throw error
    },
  } satisfies Omit<Loop, 'wokeAt'>)
  const link = new NativeLink(loop, 5, 'ipv4', Buffer.alloc(4))
  link.interest = c.EPOLLIN
  link.attach(
    {
      bytes: (_, __, start, end) => sizes.push(end - start),
      drained: () => {},
      ended: () => {},
      lost: () => {},
      faulted: () => {},
    },
    null,
  )
  return { world, link, resting, sizes }
}

onLinux(
  'packets that come one by one in bulk do not wake the thread: the link is read when its rest ends',
  () => {
    const { link, world, resting, sizes } = linked()
    world.packets(100, 0.1)
    assert.is(sizes.length, 4)
    assert.is(link.interest & c.EPOLLIN, 0)
    assert.equal(resting, [link])
    world.endRest(40_000)
    assert.is(sizes.at(-1), 40_000)
    assert.equal(resting, [link])
    assert.is(link.interest & c.EPOLLIN, 0)
  },
)

onLinux('the rest is over when little has come, or nothing', () => {
  for (const few of [0, 100, 4_095]) {
    const { link, world, resting } = linked()
    world.packets(4, 0.1)
    world.endRest(few)
    assert.equal(resting, [])
    assert.is(link.interest, c.EPOLLIN)
  }
})

onLinux('a link that fills its buffer during a rest does not rest for a while', () => {
  const { link, world, resting } = linked()
  world.packets(4, 0.1)
  world.endRest(link.readSize)
  assert.is(link.interest, c.EPOLLIN)
  world.arriving = 1_448
  world.packets(200, 0.1)
  assert.equal(resting, [])
  world.packets(1_000, 0.1)
  assert.equal(resting, [link])
})

onLinux('short messages, packets far apart and full reads never make a link rest', () => {
  for (const [arriving, everyMs] of [
    [300, 0.1],
    [999, 0.1],
    [1_448, 2],
    [8_192, 0.1],
    [65_536, 0.1],
  ] as const) {
    const { world, resting, sizes } = linked()
    world.arriving = arriving
    world.packets(100, everyMs)
    assert.equal([sizes.length, resting.length], [100, 0], `${arriving} bytes every ${everyMs} ms`)
  }
})

onLinux('a link that is closed or paused during its rest is not read', () => {
  const closed = linked()
  closed.world.packets(4, 0.1)
  closed.link.close()
  closed.world.endRest(40_000)
  assert.is(closed.sizes.length, 4)
  const paused = linked()
  paused.world.packets(4, 0.1)
  paused.link.pause()
  paused.world.endRest(40_000)
  assert.equal([paused.sizes.length, paused.link.interest], [4, 0])
  paused.link.resume()
  assert.is(paused.link.interest, c.EPOLLIN)
})

test.run()
