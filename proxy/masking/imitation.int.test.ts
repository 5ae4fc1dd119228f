import { readFileSync, writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { selfSigned } from '../../compose/test/kit/servers/certificate.ts'
import { startCaddy } from '../../compose/test/services/caddy.ts'
import { ensure } from '../../compose/test/services/debian.ts'
import { startNginx } from '../../compose/test/services/nginx.ts'
import { freePorts } from '../../compose/test/services/ports.ts'
import { accepts, startService } from '../../compose/test/services/service.ts'
import { helloLength, readClientHello, sealedHello } from '../wire/client-hello.ts'
import { classOf, renewedHello, templateOf } from '../wire/hello-class.ts'
import { ja4 } from '../wire/ja4.ts'
import { randomPool } from '../wire/random.ts'
import { parseServerAnswer } from '../wire/server-answer.ts'
import { answer, usualFlight } from '../wire/server-hello.ts'
import { measureClass } from './measure.ts'

const name = 'www.example.com'
const host = '127.0.0.1'
const random = randomPool()
const { key, cert } = selfSigned(name)
const clients: { name: string; hex: string }[] = JSON.parse(
  readFileSync(new URL('../wire/fixtures/client-hellos.json', import.meta.url), 'utf8'),
)

const nginx = async (more: readonly string[] = []) => {
  const [port = 0] = await freePorts(1)
  const listen = () => [`${host}:${port} ssl`]
  return { port, site: await startNginx({ key, cert, listen, more }) }
}

const openssl = async (...args: string[]) => {
  const [port = 0] = await freePorts(1)
  const site = await startService({
    name: 'openssl',
    command: ensure('openssl', 'openssl')!,
    args: (folder) => {
      writeFileSync(join(folder, 'key.pem'), key)
      writeFileSync(join(folder, 'cert.pem'), cert)
      const files = ['-key', join(folder, 'key.pem'), '-cert', join(folder, 'cert.pem')]
      return ['s_server', '-quiet', '-accept', `${host}:${port}`, ...files, ...args]
    },
    ready: () => accepts(port),
  })
  return { port, site }
}

const caddy = async () => {
  const [port = 0] = await freePorts(1)
  return { port, site: await startCaddy({ port, key, cert }) }
}

/** What a site answers to a hello and FIN. */
const answerOf = async (port: number, hello: Buffer): Promise<Buffer> => {
  const socket = connect({ port, host, allowHalfOpen: true })
  socket.end(hello)
  return Buffer.concat(await socket.toArray())
}

/** An encrypted alert, with which some servers answer the FIN. */
const ALERT = 5 + 2 + 17

/** Types and lengths of the records in whole bytes, ApplicationData as one sum. */
const shapeOf = (bytes: Buffer) => {
  const heads: string[] = []
  let data = 0
  for (let at = 0; at + 5 <= bytes.length; at += 5 + bytes.readUInt16BE(at + 3)) {
    if (bytes[at] === 0x17 && at + ALERT === bytes.length && bytes.readUInt16BE(at + 3) === ALERT - 5) break
    if (bytes[at] === 0x17) data += 5 + bytes.readUInt16BE(at + 3)
    else heads.push(`${bytes[at]!.toString(16)} ${bytes.readUInt16BE(at + 3)}`)
  }
  return { heads, data }
}

for (const [what, start] of [
  ['nginx', () => nginx()],
  [
    'nginx without ALPN for h2 and with ChaCha20 first',
    () =>
      nginx([
        'ssl_conf_command Ciphersuites TLS_CHACHA20_POLY1305_SHA256:TLS_AES_256_GCM_SHA384;',
        'ssl_prefer_server_ciphers on;',
      ]),
  ],
  ['Caddy', caddy],
  ['openssl s_server', () => openssl()],
  ['openssl s_server with ALPN', () => openssl('-alpn', 'h2,http/1.1')],
] as const) {
  test(`the answer to each real hello is as long as that of ${what}, record by record`, async () => {
    const { port, site } = await start()
    await using _site = site
    for (const client of clients) {
      const bytes = Buffer.from(client.hex, 'hex')
      const hello = readClientHello(sealedHello(bytes, helloLength(bytes, bytes.length) as number)!)
      const template = templateOf(hello)
      const measured = await measureClass({
        host,
        port,
        name,
        timeoutMs: 30_000,
        signal: new AbortController().signal,
        template,
      })
      assert.ok(!('error' in measured), `${client.name}: ${JSON.stringify(measured)}`)
      const kind = classOf(hello, ja4(hello))
      const flight = { ...usualFlight, classes: { [kind]: measured } }
      const ours = answer({ hello, secret: Buffer.alloc(16), flight, random, kind })
      const theirs = await answerOf(port, renewedHello(template, random)!)
      const [our, their] = [parseServerAnswer(ours), parseServerAnswer(theirs)]
      assert.ok(typeof our !== 'string' && typeof their !== 'string')
      assert.equal([our.cipherSuite, our.group], [their.cipherSuite, their.group], client.name)
      assert.equal(our.extensions, their.extensions, client.name)
      const [shape, wanted] = [shapeOf(ours), shapeOf(theirs)]
      assert.equal(shape.heads, wanted.heads, client.name)
      // An ECDSA signature varies by a few bytes.
      assert.ok(
        Math.abs(shape.data - wanted.data) <= 4,
        `${client.name}: ${shape.data}, the site ${wanted.data}`,
      )
    }
  })
}

test('a host that only takes P-256 asks for another share, which is reported as such', async () => {
  const { port, site } = await openssl('-groups', 'P-256')
  await using _site = site
  const chromium = Buffer.from(clients.find(({ name }) => name === 'chromium')!.hex, 'hex')
  const template = templateOf(readClientHello(sealedHello(chromium, chromium.length)!))
  const signal = new AbortController().signal
  assert.equal(await measureClass({ host, port, name, timeoutMs: 30_000, signal, template }), {
    error: 'retry',
  })
})

test.run()
