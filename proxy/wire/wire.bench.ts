import { randomBytes } from 'node:crypto'
import { cpus } from 'node:os'
import { browserHello } from './browser-hello.ts'
import { helloLength, readClientHello, sealedHello, signedBy } from './client-hello.ts'
import { ja4 } from './ja4.ts'
import { openingFor, openPayload } from './obfuscated2.ts'
import { randomPool } from './random.ts'
import {
  fullRecords,
  headroom,
  leastRecord,
  type Pace,
  unwrapper,
  usualRecords,
  wrap,
  wrapPaced,
} from './records.ts'
import { answer, usualFlight } from './server-hello.ts'

// The cost of a handshake: `node proxy/wire/wire.bench.ts`. CPU µs per call, the median of nine rounds and their range.

const rounds = 9
const random = randomPool()
const secret = randomBytes(16)
const payload = randomBytes(64)
const fast = { key: randomBytes(32), iv: randomBytes(16) }

const measure = (name: string, calls: number, call: () => unknown): void => {
  const costs = Array.from({ length: rounds + 1 }, () => {
    const before = process.cpuUsage()
    for (let i = 0; i < calls; i++) call()
    const { user, system } = process.cpuUsage(before)
    return (user + system) / calls
  })
    .slice(1) // the first warms up
    .sort((a, b) => a - b)
  const [least, median, most] = [0, rounds >> 1, rounds - 1].map((i) => costs[i]!.toFixed(2))
  console.log(`| ${name} | ${median} | ${least}–${most} |`)
}

console.log(`node ${process.version}, ${cpus()[0]?.model}\n\n| | µs | range |\n|---|---|---|`)
measure('obfuscated2: try one user’s secret on a payload', 20_000, () => openPayload(payload, secret))
measure('obfuscated2: opening to a datacenter', 20_000, () =>
  openingFor({ tag: 'intermediate', dc: 2, fast, random }),
)
for (const hybrid of [false, true]) {
  const bytes = browserHello({ name: 'www.example.com', hybrid, random })
  const parse = () => readClientHello(sealedHello(bytes, helloLength(bytes, bytes.length) as number)!)
  const hello = parse()
  const kind = hybrid ? 'post-quantum' : 'X25519'
  measure(`hello of ${bytes.length} bytes: parse`, 20_000, parse)
  measure(`hello of ${bytes.length} bytes: try one user’s secret`, 20_000, () => signedBy(hello, secret))
  measure(`hello of ${bytes.length} bytes: JA4`, 10_000, () => ja4(hello))
  measure(`answer, ${kind}`, 1000, () => answer({ hello, secret, flight: usualFlight, random }))
}
for (const size of [32_768, 262_144]) {
  const buffer = Buffer.alloc(size + headroom(size, leastRecord))
  const unwrap = unwrapper()
  measure(`records: wrap ${size >> 10} KiB`, 2000, () => wrap(buffer, 0, size))
  for (const [name, of] of [
    ['full', fullRecords],
    ['in bulk', { ...usualRecords, restartMs: null }],
    ['at the start of a burst', { ...usualRecords, restartMs: -1 }],
    ['of 1386 bytes', { sizes: [1_386], restartMs: null }],
  ] as const) {
    const pace: Pace = { of, next: 0, at: 0 }
    measure(`records ${name}: wrap ${size >> 10} KiB`, 2000, () => wrapPaced(buffer, 0, size, pace, 0))
  }
  measure(`records: wrap and unwrap ${size >> 10} KiB`, 2000, () => unwrap(buffer, 0, wrap(buffer, 0, size)))
}
