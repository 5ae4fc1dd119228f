import { EventEmitter, on, once } from 'node:events'
import { createServer } from 'node:net'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import type { ProxyEvent } from '../events/contract.ts'
import { addressOf, addressText, type Directory } from './directory.ts'
import { dialable, lookUpAll, namesOf, watchDatacenters } from './resolve.ts'

const directory: Directory = new Map([
  [1, [addressOf('127.0.0.1', 1)]],
  [2, [addressOf('dc2.invalid', 2), addressOf('::1', 2)]],
  [4, [addressOf('dc4.invalid', 4)]],
])
const texts = (found: Directory): string[] =>
  [...found].map(([id, all]) => `${id}=${all.map(addressText).join()}`)

/** Names with the addresses of `leads`, and the lines that are logged. */
const naming = (leads: Record<string, readonly string[]>) => {
  const printed: string[] = []
  const names = namesOf(
    directory,
    (level, message, fields) =>
      printed.push(`${level} ${message} ${fields?.name} ${fields?.using ?? ''}`.trim()),
    async (name) => leads[name] ?? [],
  )
  return { names, printed }
}

test('a name without an answer is logged once, stays a name for the prober, and is not dialed', async () => {
  const { names, printed } = naming({ 'dc2.invalid': ['192.0.2.2', '192.0.2.3'] })
  const found = await names.look()
  await names.look()
  assert.equal(printed, ['warn datacenter-name-not-found dc4.invalid nothing'])
  assert.equal(texts(found), ['1=127.0.0.1:1', '2=192.0.2.2:2,[::1]:2', '4=dc4.invalid:4'])
  assert.equal(texts(dialable(found)), ['1=127.0.0.1:1', '2=192.0.2.2:2,[::1]:2'])
})

test('a name keeps its address while that is among the answers, and while there are none', async () => {
  const leads: Record<string, readonly string[]> = {
    'dc2.invalid': ['192.0.2.2'],
    'dc4.invalid': ['192.0.2.4'],
  }
  const { names, printed } = naming(leads)
  const first = texts(await names.look())
  leads['dc2.invalid'] = ['192.0.2.3', '192.0.2.2']
  leads['dc4.invalid'] = []
  assert.equal(texts(await names.look()), first)
  leads['dc2.invalid'] = ['192.0.2.3']
  leads['dc4.invalid'] = ['2001:db8::4']
  assert.equal(texts(await names.look()).slice(1), ['2=192.0.2.3:2,[::1]:2', '4=[2001:db8::4]:4'])
  assert.equal(printed, [
    'warn datacenter-name-not-found dc4.invalid 192.0.2.4',
    'info datacenter-name-found dc4.invalid',
  ])
})

test('a name without an answer at the start is probed as down, and dialed when it has one', async () => {
  const leads: Record<string, readonly string[]> = { 'dc2.invalid': ['127.0.0.1'] }
  const { names } = naming(leads)
  // Keeps the process running: the timers of the watch do not.
  await using awake = createServer().listen(0, '127.0.0.1')
  await once(awake, 'listening')
  const stopping = new AbortController()
  const reported = new EventEmitter()
  const events = on(reported, 'fact', { signal: AbortSignal.timeout(30_000) })
  const watched = watchDatacenters({
    names,
    directory: await names.look(),
    intervalMs: 5,
    changed: (to) => reported.emit('fact', `dial ${texts(to).find((text) => text.startsWith('4='))}`),
    emit: (event: ProxyEvent) => {
      if (event.type === 'datacenter.probed') reported.emit('fact', `${event.address} ${event.error}`)
    },
    now: Date.now,
    signal: stopping.signal,
    refreshMs: 5,
    retryMs: 5,
  })
  const seen: string[] = []
  for await (const [event] of events) {
    seen.push(event)
    if (event === 'dc4.invalid:4 unreachable') leads['dc4.invalid'] = ['127.0.0.1']
    if (event === 'dial 4=127.0.0.1:4') leads['dc4.invalid'] = ['127.0.0.4']
    if (event === '127.0.0.4:4 refused') break
  }
  assert.ok(seen.includes('dial 4=127.0.0.4:4'))
  stopping.abort()
  await watched
})

test('an address is its own answer, and an unknown name has none', async () => {
  assert.equal(await lookUpAll('127.0.0.1'), ['127.0.0.1'])
  assert.equal(await lookUpAll('nowhere.invalid'), [])
})

test.run()
