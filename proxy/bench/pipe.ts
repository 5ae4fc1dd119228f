import { type AddressInfo, connect, createServer } from 'node:net'

// The smallest possible relay in Node: two sockets and two pipes. `node pipe.ts PORT` relays to that port.

const target = Number(process.argv[2])
const server = createServer({ noDelay: true, allowHalfOpen: true }, (client) => {
  const datacenter = connect({ port: target, host: '127.0.0.1', noDelay: true, allowHalfOpen: true })
  client.pipe(datacenter).pipe(client)
  client.on('error', () => datacenter.destroy())
  datacenter.on('error', () => client.destroy())
})
server.listen({ port: 0, host: '127.0.0.1', backlog: 4096 }, () => {
  process.stdout.write(`ready port=${(server.address() as AddressInfo).port}\n`)
})
