import { connect, type Socket } from 'node:net'
import { setTimeout as after } from 'node:timers/promises'
import type { SilentJob, SilentResult } from './scale-jobs.ts'

// Clients that connect and stay silent, a separate process: `node silent.ts JOB` writes a SilentResult as JSON. They come
// from many address prefixes, and stay until the proxy closes them or this process runs out of sockets.

const { port, perSecond, seconds } = JSON.parse(process.argv[2]!) as SilentJob
const mostOpen = 8_000
const tickMs = 5

const open = new Set<Socket>()
let [connected, refused] = [0, 0]

const one = (i: number): void => {
  // A reset leaves no port in TIME_WAIT.
  if (open.size >= mostOpen) open.values().next().value?.resetAndDestroy()
  const localAddress = `127.${1 + (i % 100)}.${Math.floor(i / 100) % 250}.1`
  const socket = connect({ port, host: '127.0.0.1', localAddress })
  open.add(socket)
  socket.once('connect', () => connected++)
  socket.on('error', () => refused++)
  socket.once('close', () => open.delete(socket))
  socket.resume()
}

const start = performance.now()
const passed = (): number => (performance.now() - start) / 1000
let made = 0
while (passed() < seconds) {
  const due = Math.min(made + perSecond * 0.1, Math.floor(passed() * perSecond))
  for (; made < due; made++) one(made)
  await after(tickMs)
}
const result: SilentResult = { perSecond: made / passed(), connected, refused }
process.stdout.write(`${JSON.stringify(result)}\n`, () => process.exit(0))
