import { connect, createServer as createTcpServer, type Socket } from 'node:net'
import { createServer, type TlsOptions } from 'node:tls'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { selfSigned } from '../../compose/test/kit/servers/certificate.ts'
import { listening } from '../../compose/test/kit/servers/listening.ts'
import { freePorts } from '../../compose/test/services/ports.ts'
import { browserHello } from '../wire/browser-hello.ts'
import { helloLength, readClientHello, sealedHello, x25519, x25519MlKem768 } from '../wire/client-hello.ts'
import { randomPool } from '../wire/random.ts'
import { parseServerAnswer } from '../wire/server-answer.ts'
import { answer, orderOf, tls13Suites, usualFlight } from '../wire/server-hello.ts'
import { type MeasuredFlight, measureFlight } from './measure.ts'

const host = '127.0.0.1'
const name = 'www.example.com'
const certificate = selfSigned(name)
const random = randomPool()

/** A TLS server as people run it, and the names it was asked for. */
const site = async (options: TlsOptions = {}) => {
  const names: string[] = []
  const server = createServer({
    ...certificate,
    ...options,
    SNICallback: (asked, done) => {
      names.push(asked)
      done(null)
    },
  })
  server.on('tlsClientError', () => {})
  return { names, ...(await listening(server)) }
}

/** Something else that takes connections. */
const peer = (greet: (socket: Socket) => void) =>
  listening(
    createTcpServer((socket) => {
      socket.on('error', () => {})
      socket.resume()
      greet(socket)
    }),
  )

const measured = async (port: number): Promise<MeasuredFlight> => {
  const flight = await measureFlight({ host, port, name, timeoutMs: 10_000 })
  if ('error' in flight) throw new Error(flight.error)
  return flight
}

test('a host that has X25519MLKEM768 is measured with it, and with X25519 without the offer', async () => {
  await using server = await site()
  const before = Date.now()
  const flight = await measured(server.port)
  assert.is(flight.hybrid.group, x25519MlKem768)
  assert.is(flight.classic.group, x25519)
  assert.ok(flight.versionFirst)
  assert.ok(flight.observedAt >= before && flight.observedAt <= Date.now())
  // Five for the shape, twelve for the suites.
  assert.equal(server.names, Array(5 + 12).fill(name))
})

test('a host without X25519MLKEM768 is measured with X25519', async () => {
  await using server = await site({ ecdhCurve: 'X25519' })
  const flight = await measured(server.port)
  assert.is(flight.hybrid.group, x25519)
  assert.is(flight.classic.group, x25519)
})

const orders = (suites: readonly number[]): number[][] =>
  suites.flatMap((first) => {
    const rest = suites.filter((suite) => suite !== first)
    return [[first], ...orders(rest).map((order) => [first, ...order])]
  })

/** The suite that a host answers with to a hello of this order. */
const asked = (port: number, suites: readonly number[]): Promise<number> =>
  new Promise((resolve, reject) => {
    const socket = connect({ port, host })
    let received = Buffer.alloc(0)
    socket.on('error', reject)
    socket.on('data', (bytes: Buffer) => {
      received = Buffer.concat([received, bytes])
      const answer = parseServerAnswer(received)
      if (answer === 'more') return
      socket.destroy()
      if (typeof answer === 'string') reject(new Error(`no ServerHello for ${suites}`))
      else resolve(answer.cipherSuite)
    })
    socket.write(browserHello({ name, hybrid: true, random, suites }))
  })

for (const [rule, options] of [
  ['its own order', { honorCipherOrder: true }],
  ['the client’s order', { honorCipherOrder: false }],
  [
    'its own order but for clients that put ChaCha20 first',
    { honorCipherOrder: true, secureOptions: 1 << 21 },
  ],
  [
    'ChaCha20 first',
    {
      honorCipherOrder: true,
      ciphers: 'TLS_CHACHA20_POLY1305_SHA256:TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384',
    },
  ],
] as const) {
  test(`a host that follows ${rule} is answered for with its suite, for each of the 15 orders`, async () => {
    await using server = await site(options)
    const flight = await measured(server.port)
    const all = orders(tls13Suites)
    assert.is(all.length, 15)
    for (const suites of all) {
      const bytes = browserHello({ name, hybrid: true, random, suites })
      const hello = readClientHello(sealedHello(bytes, bytes.length)!)
      const ours = parseServerAnswer(answer({ hello, secret: Buffer.alloc(16), flight, random }))
      assert.ok(typeof ours !== 'string')
      const theirs = await asked(server.port, suites)
      assert.is(
        ours.cipherSuite.toString(16),
        theirs.toString(16),
        suites.map((suite) => suite.toString(16)).join(),
      )
    }
  })
}

const isAes = (suite: number): boolean => suite !== 0x1303
const byPreference =
  (preference: readonly number[]) =>
  (offered: readonly number[]): number =>
    preference.find((suite) => offered.includes(suite))!

/** Rules of servers that are not at hand in a test, as their sources have them. */
const rules: Record<string, (offered: readonly number[]) => number> = {
  // crypto/tls: by what the client puts first, for that is what its processor does fast.
  Go: (offered) =>
    byPreference(isAes(offered[0]!) ? [0x1301, 0x1302, 0x1303] : [0x1303, 0x1301, 0x1302])(offered),
  // AES-128 if it is there, else the client's order.
  'BoringSSL with AES in hardware': (offered) => (offered.includes(0x1301) ? 0x1301 : offered[0]!),
  'BoringSSL without': (offered) => byPreference([0x1303, 0x1301, 0x1302])(offered),
  'no rule that is known': (offered) => offered[((offered.length * 7) % 3) % offered.length]!,
}

for (const [who, rule] of Object.entries(rules)) {
  test(`the table has the rule of ${who}`, async () => {
    await using server = await peer((socket) => {
      socket.once('data', (bytes: Buffer) => {
        const hello = readClientHello(sealedHello(bytes, helloLength(bytes, bytes.length) as number)!)
        const offered = hello.cipherSuites.filter((suite) => tls13Suites.includes(suite))
        const suites = Array(64).fill(rule(offered))
        socket.write(answer({ hello, secret: Buffer.alloc(16), flight: { ...usualFlight, suites }, random }))
      })
    })
    const { suites } = await measured(server.port)
    for (const offered of orders(tls13Suites)) {
      if (offered.length > 1) assert.is(suites[orderOf(offered)], rule(offered))
    }
  })
}

test('the suites are measured once a day, or when they have changed', async () => {
  await using server = await site({ honorCipherOrder: true })
  const known = await measured(server.port)
  server.names.length = 0
  const again = await measureFlight({ host, port: server.port, name, timeoutMs: 10_000, known })
  assert.ok(!('error' in again))
  assert.is(server.names.length, 5)
  assert.equal([again.suites, again.suitesAt], [known.suites, known.suitesAt])

  await using changed = await site({ honorCipherOrder: false })
  const other = await measureFlight({ host, port: changed.port, name, timeoutMs: 10_000, known })
  assert.ok(!('error' in other))
  assert.is(changed.names.length, 5 + 12)
  assert.not.equal(other.suites, known.suites)

  const old = { ...known, suitesAt: known.suitesAt - 24 * 3_600_000 }
  server.names.length = 0
  await measureFlight({ host, port: server.port, name, timeoutMs: 10_000, known: old })
  assert.is(server.names.length, 5 + 12)
})

test('a host that refuses a suite leaves no order of it without an answer', async () => {
  await using server = await site({ ciphers: 'TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384' })
  const { suites } = await measured(server.port)
  assert.is(suites[orderOf([0x1301, 0x1302])], await asked(server.port, [0x1301, 0x1302]))
  assert.is(suites[orderOf([0x1303, 0x1301])], 0x1301)
})

test('the size of the encrypted flight is that on the wire, less one header and the longer Finished', async () => {
  await using server = await site({ honorCipherOrder: true })
  const { records, hybrid, classic } = await measured(server.port)
  // EncryptedExtensions, Certificate, CertificateVerify, Finished with SHA-384.
  assert.is(records.length, 4)
  assert.is(records[3], 4 + 48 + 1 + 16)
  assert.is(hybrid.sizes[0], records.reduce((sum, size) => sum + size, 0) + 3 * 5 - 16)
  assert.is(hybrid.sizes.length, 3)
  assert.is(classic.sizes.length, 2)
  // ECDSA signatures differ by a byte or two; only a host that lists its groups sends more to a client that offers fewer.
  for (const size of hybrid.sizes) assert.ok(Math.abs(size - hybrid.sizes[0]!) <= 4)
})

test('a host without TLS 1.3, or without TLS, is an error', async () => {
  await using old = await site({ maxVersion: 'TLSv1.2' })
  assert.equal(await measureFlight({ host, port: old.port, name, timeoutMs: 5000 }), { error: 'not-tls13' })
  await using web = await peer((socket) => socket.end('HTTP/1.1 400 Bad Request\r\n\r\n'))
  assert.equal(await measureFlight({ host, port: web.port, name, timeoutMs: 5000 }), { error: 'not-tls13' })
  await using shut = await peer((socket) => socket.end())
  assert.equal(await measureFlight({ host, port: shut.port, name, timeoutMs: 5000 }), { error: 'not-tls13' })
})

test('the answer of a host that floods is read up to a bound', async () => {
  let sent = 0
  await using flood = await peer((socket) => {
    const chunk = Buffer.alloc(16_384 + 5)
    chunk.set([0x16, 3, 3, 0, 90])
    const more = (): void => {
      sent += chunk.length
      socket.write(chunk, (error) => error || more())
    }
    more()
  })
  assert.equal(await measureFlight({ host, port: flood.port, name, timeoutMs: 5000 }), { error: 'not-tls13' })
  assert.ok(sent < 20_000_000)
})

test('a closed port and a silent host are errors', async () => {
  const [port = 0] = await freePorts(1)
  assert.equal(await measureFlight({ host, port, name, timeoutMs: 5000 }), { error: 'unreachable' })
  await using silent = await peer(() => {})
  assert.equal(await measureFlight({ host, port: silent.port, name, timeoutMs: 100 }), { error: 'timeout' })
})

test('a measurement can be aborted', async () => {
  const asked = Promise.withResolvers<void>()
  await using silent = await peer((socket) => socket.once('data', () => asked.resolve()))
  const stop = new AbortController()
  const { signal } = stop
  const result = measureFlight({ host, port: silent.port, name, timeoutMs: 60_000, signal })
  await asked.promise
  stop.abort()
  assert.equal(await result, { error: 'timeout' })
  assert.equal(await measureFlight({ host, port: silent.port, name, timeoutMs: 1000, signal }), {
    error: 'timeout',
  })
})

test.run()
