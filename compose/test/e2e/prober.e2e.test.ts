import { randomBytes } from 'node:crypto'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { clientHello } from '../kit/client/client-hello.ts'
import { observe, type Step } from '../kit/client/probe.ts'
import { startAppliance } from '../kit/processes/harness.ts'
import { siteName, tlsSite } from '../kit/servers/site.ts'

/** Random bytes whose first byte does not begin a TLS record. */
const junk = (length: number): Buffer => {
  const bytes = randomBytes(length)
  bytes[0] = 0x99
  return bytes
}

const hello = clientHello({ secret: randomBytes(16), domain: siteName }).bytes

/** Payloads that the proxy rejects immediately, and payloads that may become a hello. */
const probes: Record<string, Step[]> = {
  silence: [],
  'three bytes of TLS': [hello.subarray(0, 3)],
  'half a hello': [hello.subarray(0, 250)],
  'half a hello, and more of it later': [hello.subarray(0, 250), 700, hello.subarray(250, 400)],
  'an alert': [Buffer.from('15030100020228', 'hex')],
  'an SSL 2 hello': [Buffer.from('802e0100020015000000100100800200800600400400800700c0', 'hex')],
  'plain HTTP in two pieces': [Buffer.from('GET / HT'), 700, Buffer.from('TP/1.1\r\nHost: a\r\n\r\n')],
  '64 random bytes': [junk(64)],
  '30,000 random bytes': [junk(30_000)],
}

/** A host that closes with unread bytes sends a reset; node:net reads piece by piece. */
const unread: Record<string, Step[]> = { 'junk beyond one read of the host': [junk(150_000)] }

/** The first bytes of a payload. */
const partial: Record<string, Step[]> = Object.fromEntries(
  [1, 5, 11, 40, 63].map((length) => [`${length} random bytes`, [junk(length)]]),
)

for (const PORTABLE_RELAY of ['false', 'true'])
  for (const MODES of ['tls', 'secure,tls'])
    test(`a probe gets the site’s reaction at the same time as from the site itself, MODES=${MODES} PORTABLE_RELAY=${PORTABLE_RELAY}`, async () => {
      await using site = await tlsSite(siteName, { handshakeTimeout: 2_000 })
      // A proxy that waits for its handshake timeout answers ten times as late as the site.
      const env = { MODES, PORTABLE_RELAY, CLIENT_HANDSHAKE_TIMEOUT: '20' }
      await using proxy = await startAppliance({ site, env })
      await Promise.all(
        Object.entries({
          ...probes,
          ...(MODES === 'tls' && partial),
          ...(PORTABLE_RELAY === 'false' && unread),
        }).map(async ([what, steps]) => {
          const timed = async (port: number) => {
            const startedAt = performance.now()
            const { bytes, end } = await observe(port, steps)
            return { tookMs: performance.now() - startedAt, seen: `${end} ${bytes.toString('hex')}` }
          }
          const [direct, fronted] = [await timed(site.port), await timed(proxy.port)]
          assert.is(fronted.seen, direct.seen, what)
          const lateMs = fronted.tookMs - direct.tookMs
          assert.ok(lateMs < 10_000, `${what}: ${Math.round(lateMs)} ms later than the site`)
        }),
      )
    })

test.run()
