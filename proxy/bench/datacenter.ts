import { randomBytes } from 'node:crypto'
import { type AddressInfo, createServer, type Socket } from 'node:net'
import { answerOpening, openingLength, ops, requestLength } from './far-ends.ts'

// A datacenter as a separate process: `node datacenter.ts [PORT]`, with a port for all IPv4 addresses of the host. It does not encrypt bulk bytes: a relay treats all bytes alike.

const message = randomBytes(128 << 10)
const complain = (socket: Socket, problem: string): void => {
  process.stderr.write(`datacenter: ${problem}\n`)
  socket.destroy()
}

const flood = (socket: Socket, bytes: number): void => {
  let left = bytes
  const go = (): void => {
    while (left > 0) {
      const part = Math.min(left, message.length)
      left -= part
      if (!socket.write(part === message.length ? message : message.subarray(0, part))) return
    }
    socket.off('drain', go)
  }
  socket.on('drain', go)
  go()
}

const serve = (socket: Socket, first: Buffer): ((bytes: Buffer) => void) | null => {
  const keys = answerOpening(first.subarray(0, openingLength))
  if (keys === null) {
    complain(socket, 'invalid opening')
    return null
  }
  const { up, down } = keys
  const request = up.update(first.subarray(openingLength, openingLength + requestLength))
  const [op, amount] = [request.readDoubleLE(0), request.readDoubleLE(8)]
  socket.write(down.update(request))
  let swallowed = 0
  if (op === ops.echo) return (bytes) => void socket.write(down.update(up.update(bytes)))
  if (op === ops.flood) return () => flood(socket, amount)
  if (op === ops.sink) {
    return (bytes) => {
      swallowed += bytes.length
      if (swallowed === amount) socket.write(down.update(request))
      if (swallowed > amount) complain(socket, `${swallowed} bytes instead of ${amount}`)
    }
  }
  complain(socket, 'unknown request')
  return null
}

const server = createServer({ noDelay: true }, (socket) => {
  let first = Buffer.alloc(0)
  let take: ((bytes: Buffer) => void) | null = null
  socket.on('error', () => socket.destroy())
  socket.on('data', (bytes: Buffer) => {
    if (take) return take(bytes)
    first = Buffer.concat([first, bytes])
    const needed = openingLength + requestLength
    if (first.length < needed) return
    take = serve(socket, first)
    if (first.length > needed) take?.(first.subarray(needed))
  })
})
const port = Number(process.argv[2] ?? 0)
server.listen({ port, host: port === 0 ? '127.0.0.1' : '0.0.0.0', backlog: 4096 }, () => {
  process.stdout.write(`ready port=${(server.address() as AddressInfo).port}\n`)
})
