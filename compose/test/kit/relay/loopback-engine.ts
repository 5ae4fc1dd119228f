import * as assert from 'uvu/assert'
import type { Engine, Link } from '../../../../proxy/net/link.ts'

/** Lets an engine listen on loopback and run, until it is disposed. `faults` are the exceptions that it reported. */
export const loopbackEngine = async (made: Engine | null, accepted: (link: Link) => void) => {
  assert.ok(made, 'this machine has no such engine')
  const engine = made as Engine
  const faults: unknown[] = []
  const options = { host: '127.0.0.1', port: 0, userTimeoutMs: 10_000, accepted, exhausted: () => {} }
  const listening = await engine.listen(options)
  engine.run({ pulse: () => {}, patience: () => 20 }, (error) => faults.push(error))
  return {
    engine,
    faults,
    port: listening.port,
    [Symbol.asyncDispose]: async () => {
      listening.close()
      engine.stop()
    },
  }
}
