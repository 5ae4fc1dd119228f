import { closeSync, openSync, writeSync } from 'node:fs'
import { type Ends, interfaces, type LaneCounts, type Path } from './emulation.ts'
import { FULL, type Link, LOST, lane, seeded } from './lane.ts'
import { latenesses } from './lateness.ts'
import { errorName, libc, pinned } from './libc.ts'

// The links, a process of its own: `node emulator.ts PATH` attaches to a TUN device at both ends of each link and passes
// packets on when they are due. It ends when standard input closes, and then prints what it counted.

const c = libc!
const { ends, client, datacenter } = JSON.parse(process.argv[2]!) as Path & { readonly ends: Ends }

const CLONE_NEWNET = 0x40000000n
const TUNSETIFF = 0x400454can
const IFF_TUN_NO_PI = 0x1001
const O_NONBLOCK = 0o4000
const F_SETFL = 4n
const POLLIN = 1
const SCHED_RR = 2n
const EAGAIN = 11

const fail = (what: string): never => {
  throw new Error(`${what}: ${errorName(c.errno())}`)
}

/** Opens a TUN device that exists in the network namespace of process `pid`; returns its descriptor. */
const attach = (pid: number, name: string): number => {
  const namespace = openSync(`/proc/${pid}/ns/net`, 'r')
  if (c.setns(BigInt(namespace), CLONE_NEWNET) !== 0) fail('setns')
  closeSync(namespace)
  const fd = openSync('/dev/net/tun', 'r+')
  const request = pinned(40)
  request.bytes.write(name, 0, 'latin1')
  request.bytes.writeUInt16LE(IFF_TUN_NO_PI, 16)
  if (c.ioctl(BigInt(fd), TUNSETIFF, request.address) !== 0) fail(`TUNSETIFF ${name}`)
  if (c.fcntl(BigInt(fd), F_SETFL, BigInt(O_NONBLOCK)) !== 0) fail('fcntl')
  return fd
}

const mtu = 1500
const slot = 1536
/** Packets within one direction of a link: 160 ms and 500 ms of buffer at 100 Mbit/s fit. */
const slots = 8192
const lengths = Array.from({ length: mtu + 1 }, (_, i) => BigInt(i))
const late = latenesses()

const direction = (from: number, to: number, link: Link, seed: number) => {
  const { address } = pinned(slots * slot)
  const places = Array.from({ length: slots }, (_, i) => address + BigInt(i * slot))
  const size = new Int32Array(slots)
  const due = new Float64Array(slots)
  const admit = lane(link, seeded(seed))
  const [source, sink, most] = [BigInt(from), BigInt(to), BigInt(mtu)]
  const counts: LaneCounts = { passed: 0, bytes: 0, lost: 0, full: 0, refused: 0 }
  let head = 0
  let tail = 0
  return {
    counts,
    nextDue: (): number => (head === tail ? Number.POSITIVE_INFINITY : due[head]!),
    /** Reads what arrived. */
    take: (): void => {
      for (let i = 0; i < 256; i++) {
        const next = (tail + 1) % slots
        const length = c.read(source, places[tail]!, most)
        if (length < 0 && c.errno() === EAGAIN) return
        if (length <= 0) fail('read')
        const at = next === head ? FULL : admit(performance.now(), length)
        if (at === LOST) counts.lost++
        else if (at === FULL) counts.full++
        else {
          size[tail] = length
          due[tail] = at
          tail = next
        }
      }
    },
    /** Passes on what is due. */
    give: (now: number): void => {
      for (; head !== tail && due[head]! <= now; head = (head + 1) % slots) {
        late.add(performance.now() - due[head]!)
        counts.passed++
        counts.bytes += size[head]!
        // The kernel refuses packets while the far end has no memory for them.
        if (c.write(sink, places[head]!, lengths[size[head]!]!) < 0) counts.refused++
      }
    },
  }
}

const fds = [
  attach(ends.client, interfaces.client),
  attach(ends.proxy, interfaces.client),
  attach(ends.proxy, interfaces.datacenter),
  attach(ends.datacenter, interfaces.datacenter),
] as const
const lanes = {
  clientUp: direction(fds[0], fds[1], client, 1),
  clientDown: direction(fds[1], fds[0], client, 2),
  datacenterUp: direction(fds[2], fds[3], datacenter, 3),
  datacenterDown: direction(fds[3], fds[2], datacenter, 4),
}
const all = Object.values(lanes)

// An ordinary thread is late by tens of milliseconds on a busy machine.
const priority = pinned(4)
priority.bytes.writeInt32LE(10)
const realtime = c.sched_setscheduler(0n, SCHED_RR, priority.address) === 0

// POLLHUP of standard input is reported without being asked for.
const polled = pinned(8 * (fds.length + 1))
;[0, ...fds].forEach((fd, i) => {
  polled.bytes.writeInt32LE(fd, i * 8)
  polled.bytes.writeInt16LE(i === 0 ? 0 : POLLIN, i * 8 + 4)
})
const ready = new Int16Array(polled.bytes.buffer)
const wait = pinned(16)
const longestWaitMs = 1_000
const [count, none] = [BigInt(fds.length + 1), 0n]

writeSync(1, 'ready\n')
for (;;) {
  let now = performance.now()
  for (const one of all) one.give(now)
  let next = Number.POSITIVE_INFINITY
  for (const one of all) next = Math.min(next, one.nextDue())
  now = performance.now()
  const waitMs = Math.min(longestWaitMs, Math.max(0, next - now))
  wait.bytes.writeInt32LE(Math.floor(waitMs / 1000), 0)
  wait.bytes.writeInt32LE(Math.floor((waitMs % 1000) * 1e6), 8)
  const events = c.ppoll(polled.address, count, wait.address, none)
  if (events <= 0) continue
  if (ready[3] !== 0) break
  for (let i = 0; i < all.length; i++) if (ready[7 + i * 4] !== 0) all[i]!.take()
}
const counted = Object.fromEntries(Object.entries(lanes).map(([name, { counts }]) => [name, counts]))
writeSync(1, `${JSON.stringify({ realtime, lanes: counted, lateMs: late.read() })}\n`)
process.exit(0)
