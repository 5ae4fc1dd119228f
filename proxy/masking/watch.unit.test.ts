import { EventEmitter, once } from 'node:events'
import { createServer as createHttpsServer } from 'node:https'
import { createServer, type TlsOptions } from 'node:tls'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { selfSigned } from '../../compose/test/kit/servers/certificate.ts'
import { listening } from '../../compose/test/kit/servers/listening.ts'
import { freePorts } from '../../compose/test/services/ports.ts'
import { isRecordSizes } from '../wire/records.ts'
import { usualFlight } from '../wire/server-hello.ts'
import { keptFlight, keptRecords } from './kept.ts'
import type { MeasuredFlight } from './measure.ts'
import { watchMasking } from './watch.ts'

const name = 'mask.test'
const certificate = selfSigned(name)

/** A masking host, on a given or any free port. */
const site = async (port = 0, options: TlsOptions = {}) => {
  const server = createServer({ ...certificate, ...options })
  server.on('tlsClientError', () => {})
  return listening(server, '127.0.0.1', port)
}

/** This proxy, with one listener on all addresses. */
const at = (port: number, publicHost: string | null | Promise<string> = null, publicPort = port) => ({
  listeners: [{ at: { host: '::', port }, publicHost: null, publicPort }],
  publicHost,
})

/** A watch with its log lines and changes, each also as an event to await. */
const watching = (port: number, changed: Partial<Parameters<typeof watchMasking>[0]> = {}) => {
  const reported = new EventEmitter()
  const changes: Parameters<Parameters<typeof watchMasking>[0]['changed']>[0][] = []
  const printed: string[] = []
  const watch = watchMasking({
    host: '127.0.0.1',
    port,
    name,
    ourselves: at(1),
    kept: null,
    keptRecords: 'off',
    logger: (level, message, fields) => {
      printed.push(`${level} ${message}${fields?.using ? `: ${fields.using}` : ''}`)
      reported.emit(message)
    },
    changed: (change) => {
      changes.push(change)
      reported.emit(change.flight ? 'flight' : change.records ? 'records' : 'mask')
    },
    refreshMs: 5,
    retryMs: 5,
    ...changed,
  })
  return {
    reported,
    changes,
    printed,
    known: watch.known,
    up: watch.up,
    profile: watch.profile,
    [Symbol.dispose]: watch.stop,
  }
}

test('this proxy as its own masking host is refused, by address, by public name and by an address found later', async () => {
  for (const options of [
    { ourselves: at(8080) },
    { host: 'localhost', ourselves: at(1, 'localhost', 8080) },
    // Two names of one address.
    { host: 'a.test', ourselves: at(1, 'b.test', 8080), lookUp: async () => ['203.0.113.9'] },
    {
      host: '203.0.113.9',
      ourselves: at(8080, Promise.resolve('203.0.113.9')),
    },
  ]) {
    using watch = watching(8080, options)
    await watch.known
    assert.equal(watch.changes, [{ mask: null }])
    assert.equal(watch.printed, ['error masking-host-is-this-proxy'])
    assert.is(watch.up(), false)
  }
})

test('the answer of a host that goes away is kept, and measured again when it is back', async () => {
  // The watch's timers keep no process awake; this does.
  await using _awake = await site()
  // A port that the kernel gives to no connection while the host is away.
  const [port = 0] = await freePorts(1)
  const first = await site(port)
  using watch = watching(port)
  await Promise.all([watch.known, once(watch.reported, 'flight')])
  assert.equal(watch.changes[0], { mask: { host: '127.0.0.1', port, family: 'ipv4' } })
  assert.is(watch.up(), true)
  const away = once(watch.reported, 'masking-host-away')
  await first[Symbol.asyncDispose]()
  await away
  assert.is(watch.up(), false)
  assert.is(watch.printed.at(-1), 'warn masking-host-away: the last known answer')
  const before = watch.changes.length
  const back = once(watch.reported, 'masking-host-back')
  await using _second = await site(port)
  await back
  assert.is(watch.up(), true)
  assert.is(watch.changes.length, before + 1)
  assert.ok(watch.changes.at(-1)!.flight!.records.length > 0)
  assert.not(watch.changes.some(({ mask }) => mask === null))
  assert.is(watch.printed.filter((line) => line.includes('away')).length, 1)
})

test('a host with TLS 1.2 only is reported as such, with what to do, and counts as up', async () => {
  await using host = await site(0, { maxVersion: 'TLSv1.2' })
  const lines: string[] = []
  const printed = Promise.withResolvers<void>()
  using watch = watching(host.port, {
    logger: (level, message, fields) => {
      lines.push(`${level} ${message} ${fields?.error}: ${fields?.hint}`)
      printed.resolve()
    },
  })
  await Promise.all([watch.known, printed.promise])
  assert.match(lines[0] ?? '', /^warn masking-host-old-tls TLSv1.2: .*TLS_DOMAIN or MASK_HOST/)
  assert.equal([lines.length, watch.up()], [1, true])
})

test('a host that only takes another group is reported, with what to do, and counts as up', async () => {
  await using host = await site(0, { ecdhCurve: 'P-256' })
  const lines: string[] = []
  const printed = Promise.withResolvers<void>()
  using watch = watching(host.port, {
    logger: (level, message, fields) => {
      lines.push(`${level} ${message} ${fields?.hint}`)
      printed.resolve()
    },
  })
  await Promise.all([watch.known, printed.promise])
  assert.match(lines[0] ?? '', /^warn masking-host-retries .*X25519/)
  assert.equal([lines.length, watch.up(), watch.profile().quality], [1, true, 'usual'])
})

test('the first address that answers is used, and kept while the name resolves to it', async () => {
  await using host = await site()
  let answers = ['127.0.0.2', '127.0.0.1']
  using watch = watching(host.port, { lookUp: async () => answers })
  const masks = () => watch.changes.flatMap(({ mask }) => (mask ? [mask.host] : []))
  await once(watch.reported, 'flight')
  assert.equal(masks(), ['127.0.0.2', '127.0.0.1'])
  assert.is(watch.up(), true)
  answers = ['127.0.0.3', '127.0.0.1', '127.0.0.2']
  await once(watch.reported, 'flight')
  await once(watch.reported, 'flight')
  assert.equal(masks(), ['127.0.0.2', '127.0.0.1'])
  assert.equal(watch.printed, [])
})

test('a name that resolves to this proxy is reported once, and followed when it resolves elsewhere', async () => {
  await using host = await site()
  let answers = ['192.0.2.9']
  let looks = 0
  using watch = watching(host.port, {
    ourselves: at(1, '192.0.2.9', host.port),
    lookUp: async () => {
      if (++looks > 3) answers = ['192.0.2.9', '127.0.0.1']
      return answers
    },
  })
  await watch.known
  assert.is(watch.up(), false)
  await once(watch.reported, 'flight')
  await once(watch.reported, 'flight')
  assert.is(watch.up(), true)
  assert.equal(watch.printed, ['error masking-host-is-this-proxy', 'info masking-host-back'])
  const masks = watch.changes.flatMap(({ mask }) => (mask === undefined ? [] : [mask?.host ?? null]))
  assert.equal(masks, [null, '127.0.0.1'])
})

test('a start without the host uses the measurement of an earlier run, else a usual answer', async () => {
  const [gone = 0] = await freePorts(1)
  const kept = { observedAt: 1 } as MeasuredFlight
  for (const [before, using_] of [
    [kept, 'the last known answer'],
    [null, 'a usual answer'],
  ] as const) {
    using watch = watching(gone, { kept: before })
    await Promise.all([watch.known, once(watch.reported, 'masking-host-away')])
    assert.equal(watch.printed, [`warn masking-host-away: ${using_}`])
    assert.equal(
      watch.changes.flatMap(({ flight }) => (flight ? [flight] : [])),
      before ? [before] : [],
    )
  }
})

test('a stopped watch logs and changes nothing, and does not hold up the start', async () => {
  await using host = await site()
  const watch = watching(host.port)
  watch[Symbol.dispose]()
  await watch.known
  const { length } = watch.changes
  await new Promise(setImmediate)
  assert.is(watch.changes.length, length)
  assert.equal(watch.printed, [])
})

test('records are measured by a download once a host has answered, and kept ones are not measured again', async () => {
  const page = Buffer.alloc(200_000)
  const server = createHttpsServer(certificate, (_request, response) => response.end(page))
  await using host = await listening(server)
  using watch = watching(host.port, { keptRecords: null, refreshMs: 60_000 })
  await once(watch.reported, 'records')
  const records = watch.changes.at(-1)?.records
  assert.ok(isRecordSizes(records ?? null) && (records?.measuredAt ?? 0) > 0)
  assert.equal(
    keptRecords({ loadSnapshot: () => ({ row: 0, value: Buffer.from(JSON.stringify(records)) }) }, name),
    records,
  )
  assert.is(
    keptRecords({ loadSnapshot: () => ({ row: 0, value: Buffer.from('{"sizes":[1]}') }) }, name),
    null,
  )
  const kept = { sizes: [4_113], restartMs: null, measuredAt: Date.now() }
  using again = watching(host.port, { keptRecords: kept })
  await once(again.reported, 'flight')
  await once(again.reported, 'flight')
  assert.equal(
    again.changes.flatMap(({ records }) => records ?? []),
    [kept],
  )
})

test('a kept measurement is used only if it has the table of suites', () => {
  const kept = (value: unknown) =>
    keptFlight({ loadSnapshot: () => ({ row: 0, value: Buffer.from(JSON.stringify(value)) }) }, name)
  const flight = { ...usualFlight, records: [2900], observedAt: 1, suitesAt: 1 }
  assert.equal(kept(flight), flight)
  assert.is(kept({ ...flight, suites: undefined, cipherSuite: 0x1301 }), null)
  assert.is(kept(null), null)
})

test.run()
