import { randomInt } from 'node:crypto'
import { createServer, type ListenOptions, type Server } from 'node:net'

/** Below ip_local_port_range, from which the kernel takes thousands of local ports of connections. */
const [lowest, highest] = [10_000, 32_000]

const listening = (options: ListenOptions): Promise<Server | null> =>
  new Promise((resolve) => {
    const server = createServer()
    server.once('error', () => resolve(null))
    server.listen({ ...options, exclusive: true }, () => resolve(server))
  })

/** Reserves the port against other tests for the life of this process, by an abstract socket (Linux only). */
const reserve = async (port: number): Promise<boolean> => {
  if (process.platform !== 'linux') return true
  const name = await listening({ path: `\0mtscope-test-port-${port}` })
  name?.unref()
  return name !== null
}

/** Reserves a port; false when it is reserved or in use. */
const claim = async (port: number): Promise<boolean> => {
  if (!(await reserve(port))) return false
  const server = await listening({ port })
  if (server === null) return false
  await new Promise((resolve) => server.close(resolve))
  return true
}

/** Unused ports for this process and its children. `offset`: the port so far above each is unused, too. */
export const freePorts = async (count: number, offset = 0): Promise<number[]> => {
  const ports: number[] = []
  while (ports.length < count) {
    const port = randomInt(lowest, highest - offset)
    if ((await claim(port)) && (offset === 0 || (await claim(port + offset)))) ports.push(port)
  }
  return ports
}
