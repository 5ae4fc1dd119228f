import { once } from 'node:events'
import { type AddressInfo, createServer } from 'node:net'
import { dialThrough, type Miss, type Upstream } from '../../../../proxy/datacenter/upstream.ts'
import { nativeEngine } from '../../../../proxy/net/epoll/engine.ts'
import type { Engine, Link } from '../../../../proxy/net/link.ts'
import { portableEngine } from '../../../../proxy/net/node-net/engine.ts'
import { loopbackEngine } from './loopback-engine.ts'

// A program for a network namespace with ten ports: prints how many connections one source address and three of them get.

const sources = ['127.0.0.61', '127.0.0.62', '127.0.0.63']
const most = 40

const server = createServer((socket) => socket.on('error', () => {})).listen(9_000, '127.0.0.1')
await once(server, 'listening')
const { port } = server.address() as AddressInfo

const connect = (engine: Engine, addresses: readonly string[]): Promise<Link | Miss> => {
  const upstream: Upstream = { kind: 'bind', name: 'bind', weight: null, addresses, device: null }
  const address = { host: '127.0.0.1', port, family: 'ipv4' } as const
  return new Promise((resolve) =>
    dialThrough(upstream, { engine, address, connected: resolve, failed: resolve }),
  )
}

const fill = async (engine: Engine, addresses: readonly string[]) => {
  const links: Link[] = []
  let error = ''
  while (links.length < most && error === '') {
    const end = await connect(engine, addresses)
    if ('error' in end) error = end.error
    else links.push(end)
  }
  // Without TIME_WAIT, which would keep the ports.
  for (const link of links) link.reset()
  return { connections: links.length, error }
}

const results: Record<string, object> = {}
for (const make of [nativeEngine, portableEngine]) {
  await using relay = await loopbackEngine(make(65_536), () => {})
  const { engine } = relay
  const one = await fill(engine, sources.slice(0, 1))
  const three = await fill(engine, sources)
  results[engine.kind] = { one: one.connections, error: one.error, three: three.connections }
}
process.stdout.write(JSON.stringify(results))
process.exit(0)
