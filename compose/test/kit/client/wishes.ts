import type { Total } from './pieces.ts'

/**
 * The test protocol: a client asks the fake datacenter for an action, so that a test drives both ends from the client. Each
 * wish is one message; `f64` are little-endian doubles in its body.
 */
export const ops = {
  /** bytes → the same bytes back, as another echo. */
  echo: 1,
  /** f64 bytes, f64 bytes a second (0: as fast as possible) → `piece`… `ended`. */
  stream: 2,
  /** f64 bytes: as many follow in `piece`s → `sunk`. */
  sink: 3,
  /** f64 bytes: waits for the client's FIN, then as `stream`, then FIN. */
  afterFin: 4,
  /** f64 bytes: as `stream`, then FIN; goes on reading, and a sink is still counted (see `Served.sunk`). */
  halfClose: 5,
  /** Closes with RST. */
  reset: 6,
  /** Keeps reading and answers nothing more. */
  silence: 7,
  /** Stops reading. */
  stopReading: 8,
  piece: 20,
  /** f64 bytes, 32 bytes SHA-256 of all the pieces. */
  ended: 21,
  /** f64 bytes, 32 bytes SHA-256 of the received pieces. */
  sunk: 22,
} as const

export const numbers = (...values: number[]): Buffer => {
  const bytes = Buffer.alloc(values.length * 8)
  values.forEach((value, i) => {
    bytes.writeDoubleLE(value, i * 8)
  })
  return bytes
}

/** The body of `ended` and `sunk`. */
export const writeTotal = ({ bytes, sha256 }: Total): Buffer =>
  Buffer.concat([numbers(bytes), Buffer.from(sha256, 'hex')])

export const readTotal = (body: Buffer): Total => ({
  bytes: body.readDoubleLE(0),
  sha256: body.toString('hex', 8, 40),
})
