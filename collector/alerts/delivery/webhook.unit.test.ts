import { once } from 'node:events'
import { createServer, type IncomingMessage } from 'node:http'
import type { AddressInfo } from 'node:net'
import { text } from 'node:stream/consumers'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { noon } from '../../../compose/test/kit/examples/example-events.ts'
import { until } from '../../../compose/test/until.ts'
import type { AlertEvent } from '../../../proxy/events/contract.ts'
import { startDelivering } from './outbox.ts'
import { openOutbox } from './own-outbox.ts'
import { deliveryId, type Outcome, postAlert, signature } from './webhook.ts'

const alert = (subject: string): AlertEvent => ({
  v: 1,
  type: 'alert.raised',
  at: noon,
  rule: 'datacenter-down',
  subject,
  value: 5,
  baseline: 0,
  since: noon - 60_000,
  summary: 'DC 2 over IPv4 does not answer.',
})

/** A receiver that answers with the given statuses and keeps each request; `null` is silence. */
const receiver = async (answers: (number | null)[]) => {
  const got: { body: string; request: IncomingMessage }[] = []
  const server = createServer(async (request, response) => {
    got.push({ body: await text(request), request })
    const status = answers.shift() ?? 200
    if (status === null) return
    response.writeHead(status, status === 302 ? { location: '/elsewhere' } : {}).end()
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/hook`,
    got,
    [Symbol.asyncDispose]: async (): Promise<void> => {
      server.closeAllConnections()
      server.close()
    },
  }
}

test('an alert is posted as JSON, signed, with an id by which a receiver recognises a repeat', async () => {
  await using hook = await receiver([200])
  const posted = await postAlert({ url: hook.url, secret: 'shared' }, alert('dc 2 ipv4'), 'home', noon)
  assert.is(posted, 'delivered')
  const [{ body, request }] = hook.got as [{ body: string; request: IncomingMessage }]
  assert.equal(JSON.parse(body), {
    id: deliveryId(alert('dc 2 ipv4')),
    type: 'alert.raised',
    from: 'home',
    rule: 'datacenter-down',
    severity: 'critical',
    subject: 'dc 2 ipv4',
    summary: 'DC 2 over IPv4 does not answer.',
    value: 5,
    baseline: 0,
    at: '2026-11-23T12:00:00.000Z',
    since: '2026-11-23T11:59:00.000Z',
  })
  const { headers, method } = request
  assert.is(method, 'POST')
  assert.is(headers['idempotency-key'], deliveryId(alert('dc 2 ipv4')))
  assert.is(headers['mtscope-signature'], signature('shared', Number(headers['mtscope-timestamp']), body))
  assert.is.not(headers['mtscope-signature'], signature('other', noon / 1000, body))
})

test('a post that may succeed later is repeated, a refused one is not', async () => {
  const expected: readonly (readonly [number, Outcome])[] = [
    [204, 'delivered'],
    [500, 'again'],
    [503, 'again'],
    [429, 'again'],
    [408, 'again'],
    [400, 'refused'],
    [404, 'refused'],
    [302, 'refused'],
  ]
  await using hook = await receiver(expected.map(([status]) => status))
  for (const [status, outcome] of expected) {
    assert.is(
      await postAlert({ url: hook.url, secret: null }, alert('x'), 'home', noon),
      outcome,
      String(status),
    )
  }
  assert.is(hook.got.length, expected.length)
  assert.is(await postAlert({ url: 'http://127.0.0.1:1/', secret: null }, alert('x'), 'home', noon), 'again')
})

test('alerts are delivered in order, each until it is accepted; a refused one delays no other', async () => {
  await using hook = await receiver([500, 429, 200, 400, 200])
  const outbox = openOutbox()
  for (const subject of ['one', 'two', 'three']) outbox.add(alert(subject))
  const printed: string[] = []
  const delivering = startDelivering({
    outbox,
    target: 'webhook',
    send: (event) => postAlert({ url: hook.url, secret: null }, event, 'home', noon),
    may: () => true,
    now: () => noon,
    logger: (_, what) => printed.push(what),
    pauseMs: () => 1,
  })
  await until(async () => (await outbox.first()) === null, 'the outbox is empty')
  assert.equal(
    hook.got.map(({ body }) => (JSON.parse(body) as { subject: string }).subject),
    ['one', 'one', 'one', 'two', 'three'],
  )
  assert.equal(delivering.counts, { delivered: 2, refused: 1, expired: 0, failed: 2 })
  assert.ok(printed.includes('alert-undelivered'))
  delivering.stop()
})

test('an alert that is not accepted for a day is given up', async () => {
  const outbox = openOutbox()
  outbox.add(alert('old'))
  const delivering = startDelivering({
    outbox,
    target: 'webhook',
    send: async () => 'again',
    may: () => true,
    now: () => noon + 25 * 3_600_000,
    logger: () => {},
  })
  await until(async () => (await outbox.first()) === null, 'it is given up')
  assert.is(delivering.counts.expired, 1)
  delivering.stop()
})

test('a restart keeps the alerts that wait', async () => {
  let kept = ''
  const keep = (text: string): void => {
    kept = text
  }
  const before = openOutbox(null, keep)
  before.add(alert('one'))
  before.add(alert('two'))
  await before.remove(alert('one'))
  const after = openOutbox(kept, keep)
  assert.is((await after.first())?.subject, 'two')
  assert.is(await openOutbox('damaged').first(), null)
})

test.run()
