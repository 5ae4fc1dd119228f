import { connect, type Socket } from 'node:net'
import type { Prepared } from './far-ends.ts'

/** One client connection. Bytes after its answer go to `take`; they are valid only within the call. */
export type Connection = {
  readonly socket: Socket
  readonly prepared: Prepared
  take: (payload: Buffer) => void
  failed: (error: Error) => void
  close(): void
}

/** All connections read into one buffer, so that the load generator uses little CPU and memory. */
const scratch = Buffer.allocUnsafe(1 << 20)
const applicationData = 0x17
const longestRecord = 16_384 + 256

/** Parses TLS records without joining them: passes on the payload as it arrives, and the end of each record. */
const records = (payload: (bytes: Buffer) => void, whole: (type: number) => void) => {
  const header = Buffer.alloc(5)
  let have = 0
  let left = 0
  return (bytes: Buffer): void => {
    for (let at = 0; at < bytes.length; ) {
      if (left === 0) {
        const part = Math.min(5 - have, bytes.length - at)
        bytes.copy(header, have, at, at + part)
        at += part
        have += part
        if (have < 5) return
        have = 0
        left = header.readUInt16BE(3)
        if (header[1] !== 3 || header[2] !== 3 || left === 0 || left > longestRecord)
          throw new Error(`not a TLS record: ${header.toString('hex')}`)
      } else {
        const part = Math.min(left, bytes.length - at)
        payload(bytes.subarray(at, at + part))
        at += part
        left -= part
        if (left === 0) whole(header[0]!)
      }
    }
  }
}

/** Performs the handshake, then calls `answered` or `failed`, once. Compares the answer with the expected one. */
export const open = (
  port: number,
  prepared: Prepared,
  answered: (connection: Connection) => void,
  failed: (error: Error) => void,
  host = '127.0.0.1',
): Connection => {
  const { hello, first, expected } = prepared
  let received = 0
  let closed = false
  const receiveAnswer = (payload: Buffer): void => {
    const part = Math.min(expected.length - received, payload.length)
    if (payload.compare(expected, received, received + part, 0, part) !== 0)
      throw new Error('the answer differs from that of the datacenter')
    received += part
    if (received < expected.length) return
    connection.take = () => {}
    answered(connection)
    if (payload.length > part) connection.take(payload.subarray(part))
  }
  const fail = (error: Error): void => {
    if (closed) return
    connection.close()
    connection.failed(error)
  }
  let greeted = hello === null
  const walk =
    hello === null
      ? (bytes: Buffer): void => connection.take(bytes)
      : records(
          (bytes) => {
            if (greeted) connection.take(bytes)
          },
          (type) => {
            if (greeted || type !== applicationData) return
            greeted = true
            socket.write(first)
          },
        )
  const socket = connect({
    port,
    host,
    noDelay: true,
    onread: {
      buffer: scratch,
      callback: (length, buffer) => {
        try {
          walk((buffer as Buffer).subarray(0, length))
        } catch (error) {
          fail(error as Error)
        }
        return true
      },
    },
  })
  socket.on('error', fail)
  socket.on('close', () => fail(new Error('the connection was closed')))
  socket.write(hello ?? first)
  const connection: Connection = {
    socket,
    prepared,
    take: receiveAnswer,
    failed,
    close: () => {
      closed = true
      socket.destroy()
    },
  }
  return connection
}

export const opened = (port: number, prepared: Prepared): Promise<Connection> =>
  new Promise((resolve, reject) => {
    open(port, prepared, resolve, reject)
  })

/** Opens all connections, `parallel` at a time. */
export const openAll = (
  port: number,
  all: readonly Prepared[],
  parallel: number,
  answered: (connection: Connection) => void,
): Promise<void> =>
  new Promise((resolve, reject) => {
    let next = 0
    let done = 0
    const one = (): void => {
      const prepared = all[next++]
      if (prepared === undefined) return
      open(
        port,
        prepared,
        (connection) => {
          answered(connection)
          if (++done === all.length) resolve()
          else one()
        },
        reject,
      )
    }
    for (let i = 0; i < parallel; i++) one()
  })
