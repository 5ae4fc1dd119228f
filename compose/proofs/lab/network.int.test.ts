import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { skipUnless } from '../../test/kit/skip.ts'
import { ensure } from '../../test/services/debian.ts'
import type { Path } from './emulation.ts'
import type { Link } from './lane.ts'
import { addresses, type Network, startNetwork } from './network.ts'
import { processesOf } from './processes.ts'
import { type Engine, hasNetem } from './shape.ts'

const isRoot = process.getuid?.() === 0
const able = isRoot && ensure('ip', 'iproute2') !== null
const probe = join(import.meta.dirname, 'probe.ts')
const far = '10.77.2.2'

const link = (some: Partial<Link>): Link => ({
  delayMs: 10,
  jitterMs: 0,
  mbit: 100,
  loss: 0,
  burst: 1,
  bufferMs: 100,
  ...some,
})

const probed = (network: Network, end: 'client' | 'proxy', ...words: string[]): unknown => {
  const [command, ...rest] = [...network.within(end), process.execPath, probe, ...words]
  const { stdout, stderr, status } = spawnSync(command!, rest, { encoding: 'utf8' })
  assert.is(status, 0, stderr)
  return JSON.parse(stdout)
}

/** The least: other programs of this machine delay the rest. */
const roundTrip = (network: Network, end: 'client' | 'proxy', host: string): number =>
  Math.min(...(probed(network, end, 'rtt', host, '40') as number[]))

const received = (pid: number): number => {
  const rows = readFileSync(`/proc/${pid}/net/snmp`, 'utf8').match(/^Ip: .*$/gm)!
  const [names, values] = rows.map((row) => row.split(' '))
  return Number(values![names!.indexOf('InReceives')])
}

/** Share of packets that the link loses. */
const lossOf = async (some: Partial<Link>, engine: Engine): Promise<number> => {
  const sent = 60_000
  const path: Path = { client: link({ bufferMs: 10_000, ...some }), datacenter: link({}) }
  await using network = await startNetwork(path, engine)
  const before = received(network.ends.proxy)
  probed(network, 'client', 'send', addresses.proxy, '9', `${sent}`, '100')
  // One more round trip: every earlier packet has left the link.
  probed(network, 'client', 'rtt', addresses.proxy, '1')
  const emulated = await network.finish()
  const arrived = received(network.ends.proxy) - before
  if (emulated === null) return 1 - arrived / sent
  // On a slow machine the sender overruns the emulator, which drops and counts what it cannot hold.
  const { passed, lost, refused } = emulated.lanes.clientUp
  assert.ok(Math.abs(arrived + refused - passed) < 100, `${passed} passed, ${arrived} arrived`)
  return lost / (passed + lost)
}

const near = (measured: number, asked: number, what: string): void =>
  assert.ok(Math.abs(measured / asked - 1) < 0.05, `${what}: ${measured} instead of ${asked}`)

/** Mbit/s of a burst that waits in the buffer of the link. */
const rateOf = async (network: Network): Promise<number> => {
  const size = 1428
  const [command, ...words] = [...network.within('proxy'), process.execPath, probe, 'receive', '9999']
  const receiver = spawn(command!, words, { stdio: ['pipe', 'pipe', 'inherit'] })
  const lines = createInterface({ input: receiver.stdout })[Symbol.asyncIterator]()
  assert.is((await lines.next()).value, 'ready')
  probed(network, 'client', 'send', addresses.proxy, '9999', '2000', `${size}`)
  // Arrives behind the burst.
  probed(network, 'client', 'rtt', addresses.proxy, '1')
  receiver.stdin.end()
  const packets = JSON.parse((await lines.next()).value as string) as [number, number][]
  await once(receiver, 'close')
  const [first, last] = [packets[0]!, packets.at(-1)!]
  return ((last[0] - first[0]) * size * 8) / 1000 / (last[1] - first[1])
}

const it = skipUnless(test, able, isRoot ? 'iproute2 is missing' : 'needs root')
const engines: readonly Engine[] = able && hasNetem() ? ['tun', 'netem'] : ['tun']

for (const engine of engines) {
  it(`${engine}: round trip and rate are as asked for within 5 %`, async () => {
    const path: Path = {
      client: link({ delayMs: 40, mbit: 20, bufferMs: 2_000 }),
      datacenter: link({ delayMs: 80 }),
    }
    await using network = await startNetwork(path, engine)
    near(roundTrip(network, 'client', addresses.proxy), 80, 'round trip to the client')
    near(roundTrip(network, 'proxy', far), 160, 'round trip to the datacenter')
    const rates: number[] = []
    for (let i = 0; i < 5; i++) rates.push(await rateOf(network))
    near(rates.sort((a, b) => a - b)[2]!, 20, 'rate in Mbit/s')
    const emulated = await network.finish()
    process.stdout.write(`${engine}: ${JSON.stringify(emulated?.lateMs ?? 'lateness is not measured')}\n`)
  })

  it(`${engine}: random loss and bursts are as asked for within 5 %`, async () => {
    near(await lossOf({ loss: 0.1 }, engine), 0.1, 'random loss')
    near(await lossOf({ loss: 0.2, burst: 3 }, engine), 0.2, 'loss in bursts')
  })
}

it('nothing is left of a network at its end', async () => {
  let network: Network
  {
    await using mine = await startNetwork({ client: link({}), datacenter: link({}) }, 'tun')
    network = mine
    assert.is(processesOf(network.ends.proxy).length, 0)
    const [command, ...words] = [...network.within('proxy'), 'sleep', 'infinity']
    const child = spawn(command!, words, { stdio: 'ignore' })
    const ended = once(child, 'close')
    while (processesOf(network.ends.proxy).length === 0) await new Promise(setImmediate)
    network.clearProxy()
    assert.equal(await ended, [null, 'SIGKILL'])
  }
  assert.equal(processesOf(network.ends.proxy), [])
})

test.run()
