import { createSocket } from 'node:dgram'
import { connect } from 'node:net'
import { setImmediate as yielded } from 'node:timers/promises'

// Measures a link for its test, from within a namespace: `node probe.ts rtt HOST COUNT`, `send HOST PORT COUNT SIZE`,
// `receive PORT`. Prints JSON.

const [what, ...rest] = process.argv.slice(2)
const print = (value: unknown): void => void process.stdout.write(`${JSON.stringify(value)}\n`)

/** A refused connection takes one round trip, and the kernel of the far end answers without a process. */
const refused = (host: string): Promise<number> =>
  new Promise((resolve) => {
    const start = performance.now()
    connect({ host, port: 9 }).once('error', () => resolve(performance.now() - start))
  })

const rtt = async (host: string, count: number): Promise<void> => {
  const times: number[] = []
  while (times.length < count) times.push(await refused(host))
  print(times)
}

/** Packets of `size` bytes with their headers; each begins with its number. */
const send = async (host: string, port: number, count: number, size: number): Promise<void> => {
  const socket = createSocket('udp4')
  socket.on('error', () => {})
  const packet = Buffer.alloc(size - 28)
  for (let sent = 0; sent < count; ) {
    const until = Math.min(count, sent + 50)
    const batch: Promise<void>[] = []
    for (; sent < until; sent++) {
      packet.writeUInt32LE(sent, 0)
      batch.push(new Promise((resolve) => socket.send(Buffer.from(packet), port, host, () => resolve())))
    }
    await Promise.all(batch)
    await yielded()
  }
  socket.close()
  print(count)
}

/** Prints the number and time of each packet when standard input closes. */
const receive = (port: number): void => {
  const socket = createSocket('udp4')
  const packets: [number, number][] = []
  socket.on('message', (bytes) => packets.push([bytes.readUInt32LE(0), performance.now()]))
  socket.bind(port, () => process.stdout.write('ready\n'))
  process.stdin.resume().once('end', () => {
    socket.close()
    print(packets)
  })
}

if (what === 'rtt') await rtt(rest[0]!, Number(rest[1]))
if (what === 'send') await send(rest[0]!, Number(rest[1]), Number(rest[2]), Number(rest[3]))
if (what === 'receive') receive(Number(rest[0]))
