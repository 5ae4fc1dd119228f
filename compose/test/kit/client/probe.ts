import { connect } from 'node:net'

/** Bytes to send, a pause in ms, or a FIN. */
export type Step = Buffer | number | 'fin'

export type Seen = {
  bytes: Buffer
  /** How the other side closed the connection; `open` when `enough` was reached before. */
  end: 'fin' | 'reset' | 'open'
}

const patienceMs = 40_000

/** An unauthenticated client: sends the steps; resolves with the answer when the connection ends or `enough` returns true. */
export const observe = (
  port: number,
  steps: readonly Step[],
  enough: (bytes: Buffer) => boolean = () => false,
): Promise<Seen> =>
  new Promise((resolve, reject) => {
    const socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true })
    const parts: Buffer[] = []
    const report = (end: Seen['end']): void => {
      clearTimeout(timer)
      socket.destroy()
      resolve({ bytes: Buffer.concat(parts), end })
    }
    const timer = setTimeout(() => {
      socket.destroy()
      reject(
        new Error(
          `connection still open after ${patienceMs} ms; received ${Buffer.concat(parts).length} bytes`,
        ),
      )
    }, patienceMs)
    socket.setNoDelay(true)
    socket.on('data', (bytes: Buffer) => {
      parts.push(bytes)
      if (enough(Buffer.concat(parts))) report('open')
    })
    socket.on('end', () => report('fin'))
    socket.on('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'ECONNRESET' || error.code === 'EPIPE') report('reset')
      else reject(error)
    })
    socket.on('connect', async () => {
      for (const step of steps) {
        if (socket.destroyed) return
        if (step === 'fin') socket.end()
        else if (typeof step === 'number') await new Promise((go) => setTimeout(go, step))
        else socket.write(step)
      }
    })
  })
