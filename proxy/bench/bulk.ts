import { randomBytes } from 'node:crypto'
import { type Connection, opened } from './connection.ts'
import { inRecords, isTls, type Mode, ops, prepare } from './far-ends.ts'
import { charged, type Target } from './target.ts'

const connections = 16
const messageBytes = 128 << 10
/** The largest record that TLS allows, and TDLib's MAX_TLS_PACKET_LENGTH. */
const largestRecord = 16_384
export const tdlibRecord = 2_878

export type Bulk = { cpuPerGb: number; mbPerSecond: number }

const openSome = (target: Target, mode: Mode, op: number, amount: number): Promise<Connection[]> =>
  Promise.all(
    Array.from({ length: connections }, () => opened(target.port, prepare(mode, target, op, amount))),
  )

const finished = (connection: Connection, start: (done: () => void) => void): Promise<void> =>
  new Promise((resolve, reject) => {
    connection.failed = reject
    start(resolve)
  })

const costOf = async (target: Target, bytes: number, work: () => Promise<unknown>): Promise<Bulk> => {
  const { cpuSeconds, seconds } = await charged(target.pid, work)
  return { cpuPerGb: cpuSeconds / (bytes / 1e9), mbPerSecond: bytes / 1e6 / seconds }
}

/** The datacenter sends `bytes` in total; each client must receive exactly its share. */
export const download = async (target: Target, mode: Mode, bytes: number): Promise<Bulk> => {
  const share = Math.floor(bytes / connections)
  const all = await openSome(target, mode, ops.flood, share)
  const wrap = (payload: Buffer): Buffer => (isTls(mode) ? inRecords(payload, largestRecord) : payload)
  const receive = (connection: Connection): Promise<void> =>
    finished(connection, (done) => {
      let received = 0
      connection.take = (payload) => {
        received += payload.length
        if (received > share) throw new Error(`${received} bytes received instead of ${share}`)
        if (received === share) done()
      }
      connection.socket.write(wrap(randomBytes(8)))
    })
  const bulk = await costOf(target, share * connections, () => Promise.all(all.map(receive)))
  for (const connection of all) connection.close()
  return bulk
}

/** Clients send `bytes` in total; the datacenter acknowledges the share of each. */
export const upload = async (
  target: Target,
  mode: Mode,
  bytes: number,
  recordBytes = largestRecord,
): Promise<Bulk> => {
  const messages = Math.floor(bytes / connections / messageBytes)
  const all = await openSome(target, mode, ops.sink, messages * messageBytes)
  const payload = randomBytes(messageBytes)
  const message = isTls(mode) ? inRecords(payload, recordBytes) : payload
  const send = (connection: Connection): Promise<void> =>
    finished(connection, (done) => {
      const { socket } = connection
      let left = messages
      const go = (): void => {
        while (left > 0) {
          left--
          if (!socket.write(message)) return
        }
        socket.off('drain', go)
      }
      connection.take = () => done()
      socket.on('drain', go)
      go()
    })
  const bulk = await costOf(target, messages * messageBytes * connections, () => Promise.all(all.map(send)))
  for (const connection of all) connection.close()
  return bulk
}

/** Sends random bytes and receives their echo through every cipher. Throws when a byte differs. */
export const verify = async (target: Target, mode: Mode, bytes: number): Promise<void> => {
  const connection = await opened(target.port, prepare(mode, target))
  const { seal, open } = connection.prepared
  const plain = randomBytes(bytes)
  const received: Buffer[] = []
  await finished(connection, (done) => {
    let length = 0
    connection.take = (payload) => {
      received.push(open.update(payload))
      length += payload.length
      if (length >= bytes) done()
    }
    const sealed = seal.update(plain)
    connection.socket.write(isTls(mode) ? inRecords(sealed, tdlibRecord) : sealed)
  })
  connection.close()
  if (!Buffer.concat(received).equals(plain)) throw new Error(`${mode}: the echo differs from the sent bytes`)
}
