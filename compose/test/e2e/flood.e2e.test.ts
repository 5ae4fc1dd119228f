import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { connect } from 'node:net'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { readLog } from '../../../proxy/event-log/read.ts'
import type { ProxyEvent } from '../../../proxy/events/contract.ts'
import { connectClient } from '../kit/client/client.ts'
import { startAppliance } from '../kit/processes/harness.ts'
import { fakeDatacenter } from '../kit/servers/fake-datacenter.ts'

const flood = 3_000
const together = 50

/** Connects, sends 64 bytes that match no secret, and closes. */
const knock = async (port: number): Promise<void> => {
  const socket = connect({ host: '127.0.0.1', port })
  // A limit may close it first.
  socket.on('error', () => {})
  socket.end(randomBytes(64))
  socket.resume()
  await once(socket, 'close')
}

const eventsOf = (dataDir: string): ProxyEvent[] => {
  using log = readLog(dataDir)
  const events: ProxyEvent[] = []
  let row = 0
  for (let rows = log.page(row); rows.length > 0; rows = log.page(row)) {
    for (const { batch } of rows) events.push(...batch.events)
    row = rows.at(-1)!.row
  }
  return events
}

test('a flood neither evicts the history of users from the event log nor is missing in the totals', async () => {
  await using dc = await fakeDatacenter()
  await using proxy = await startAppliance({
    datacenters: { 2: dc },
    env: { LOG_MAX_BYTES: '1M', MASK_HOST: 'off' },
  })
  {
    await using user = await connectClient({ mode: 'secure', port: proxy.port, secret: proxy.secret })
    await user.echo(Buffer.from('hello'))
  }
  const left = Array.from({ length: flood }, (_, number) => number)
  await Promise.all(
    Array.from({ length: together }, async () => {
      while (left.pop() !== undefined) await knock(proxy.port)
    }),
  )
  assert.is(await proxy.stop(), 0)

  const events = eventsOf(join(proxy.folder, 'data'))
  const of = <T extends ProxyEvent['type']>(type: T) =>
    events.filter((event): event is Extract<ProxyEvent, { type: T }> => event.type === type)
  const summaries = of('connections.summarised')
  const counted = (count: (summary: (typeof summaries)[number]) => number): number =>
    summaries.reduce((sum, summary) => sum + count(summary), 0)

  assert.is(of('handshake.accepted').length, 1, 'the user is in the event log')
  const own = of('handshake.rejected').length
  assert.ok(own > 0 && own < 100, `${own} refused connections with events of their own`)
  assert.is(own + counted(({ refusals }) => refusals.reduce((sum, { count }) => sum + count, 0)), flood)
  assert.is(of('connection.accepted').length + counted(({ accepted }) => accepted), flood + 1)
  assert.is(
    of('connection.closed').length +
      counted(({ closes }) => closes.reduce((sum, { count }) => sum + count, 0)),
    flood + 1,
  )
  assert.equal(
    [...new Set(summaries.flatMap(({ prefixes }) => prefixes.map(({ prefix }) => prefix)))],
    ['127.0.0.0/24'],
  )
})

test.run()
