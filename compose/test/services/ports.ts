import { randomInt } from 'node:crypto'
import { createServer, type ListenOptions, type Server } from 'node:net'

/** Below the ports that the near ends of connections are given (ip_local_port_range): thousands of those come and go. */
const [lowest, highest] = [10_000, 32_000]

const listening = (options: ListenOptions): Promise<Server | null> =>
  new Promise((resolve) => {
    const server = createServer()
    server.once('error', () => resolve(null))
    server.listen({ ...options, exclusive: true }, () => resolve(server))
  })

/** Keeps other tests from the port for as long as this process lives: by a name, as on Linux alone there are such. */
const reserve = async (port: number): Promise<boolean> => {
  if (process.platform !== 'linux') return true
  const name = await listening({ path: `\0mtscope-test-port-${port}` })
  name?.unref()
  return name !== null
}

/** Reserves a port, and tells whether nobody listens there. */
const claim = async (port: number): Promise<boolean> => {
  if (!(await reserve(port))) return false
  const server = await listening({ port })
  if (server === null) return false
  await new Promise((resolve) => server.close(resolve))
  return true
}

/** Ports where nobody listens, for this process and those that it starts; nor `beside` ports above, where that is given. */
export const freePorts = async (count: number, beside = 0): Promise<number[]> => {
  const ports: number[] = []
  while (ports.length < count) {
    const port = randomInt(lowest, highest - beside)
    if ((await claim(port)) && (beside === 0 || (await claim(port + beside)))) ports.push(port)
  }
  return ports
}
