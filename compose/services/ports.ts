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

const isFree = async (port: number): Promise<boolean> => {
  const server = await listening({ port })
  if (server === null) return false
  await new Promise((resolve) => server.close(resolve))
  return true
}

/** Ports where nobody listens, for this process and those that it starts. */
export const freePorts = async (count: number): Promise<number[]> => {
  const ports: number[] = []
  while (ports.length < count) {
    const port = randomInt(lowest, highest)
    if ((await reserve(port)) && (await isFree(port))) ports.push(port)
  }
  return ports
}
