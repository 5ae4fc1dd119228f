import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { noon, probe, sampled, session } from '../../compose/test/kit/examples/example-events.ts'
import { openLog } from '../../proxy/event-log/event-log.ts'
import { encodeEvents } from '../../proxy/events/codec.ts'
import type { ProxyEvent } from '../../proxy/events/contract.ts'
import { startCollector } from './collector.ts'

const folder = () => {
  const path = mkdtempSync(join(tmpdir(), 'mtscope-collector-'))
  return { path, [Symbol.dispose]: () => rmSync(path, { recursive: true, force: true }) }
}

/** The event log and the collector of an appliance, with a given clock. `next` waits for the next line of the logger. */
const appliance = (dataDir: string, now: () => number) => {
  const log = openLog({ dataDir, node: 'n1', maxBytes: 64e6, maxAgeMs: 86_400_000, now })
  const lines: string[] = []
  // The timers of a collector do not keep the process alive.
  const alive = setInterval(() => {}, 60_000)
  let logged = Promise.withResolvers<void>()
  const collector = startCollector({
    fleet: 'here',
    log,
    version: '1.2.3',
    now,
    logger: (level, message, fields) => {
      lines.push(`${level} ${message} ${fields?.rule ?? ''} ${fields?.subject ?? ''}`)
      logged.resolve()
      logged = Promise.withResolvers()
    },
    timings: { decideMs: 2 },
  })
  return {
    log,
    collector,
    lines,
    next: (): Promise<void> => logged.promise,
    append: (...events: ProxyEvent[]): void => {
      log.append(encodeEvents(events), events)
    },
    /** Ends without a save, as a kill does. */
    kill: (): void => {
      clearInterval(alive)
      log.close()
      collector.stop()
    },
    [Symbol.dispose]: () => {
      clearInterval(alive)
      collector.stop()
      log.close()
    },
  }
}

const down = [-150_000, -120_000, -90_000, -60_000, -30_000, 0].map((after, i) =>
  probe(noon + after, i === 0 ? 40 : 'timeout'),
)

test('status, alerts and metrics come from the events in the event log', async () => {
  using dir = folder()
  using host = appliance(dir.path, () => noon)
  await host.collector.caughtUp
  host.append(sampled(noon), ...session({ toClient: 5 }))
  const { version, totals, nodes } = host.collector.status()
  assert.equal([version, totals.bytesToClient, nodes[0]?.node], ['1.2.3', 5, 'n1'])
  assert.equal(host.collector.alerts(), [])
  assert.match(
    host.collector.exposition().body,
    /^mtscope_lifetime_bytes_total\{direction="to-client",fleet="here"\} 5$/m,
  )
  assert.match(host.collector.exposition('application/openmetrics-text').body, /\n# EOF\n$/)
})

test('an alert is logged, listed and exported; a kill and a restart neither raise it again nor forget it', async () => {
  using dir = folder()
  {
    const host = appliance(dir.path, () => noon)
    await host.collector.caughtUp
    host.append(sampled(noon), ...down)
    await host.next()
    assert.equal(host.lines, ['error alert.raised datacenter-down dc 2 ipv4'])
    assert.is(host.collector.status().datacenters[0]?.state, 'down')
    assert.match(
      host.collector.exposition().body,
      /^mtscope_alert_active\{rule="datacenter-down",subject="dc 2 ipv4",fleet="here"\} 1$/m,
    )
    host.kill()
  }
  let now = noon + 1000
  using host = appliance(dir.path, () => now)
  assert.equal(
    host.collector.alerts().map(({ subject, since, clearedAt }) => [subject, since, clearedAt]),
    [['dc 2 ipv4', noon - 150_000, null]],
  )
  await host.collector.caughtUp
  host.append(sampled(now, { openFds: 900 }))
  await host.next()
  assert.equal(host.lines, ['error alert.raised file-descriptors n1'])

  now = noon + 120_000
  host.append(sampled(now), probe(noon + 40_000, 40), probe(noon + 70_000, 40), probe(noon + 100_000, 40))
  await host.next()
  assert.equal(host.lines.slice(1).sort(), [
    'info alert.cleared datacenter-down dc 2 ipv4',
    'info alert.cleared file-descriptors n1',
  ])
  assert.is(
    host.collector.alerts().every(({ clearedAt }) => clearedAt === now),
    true,
  )
})

test('old events raise no alert: rules judge the present', async () => {
  using dir = folder()
  {
    using host = appliance(dir.path, () => noon)
    host.append(sampled(noon), ...down)
  }
  using host = appliance(dir.path, () => noon + 2 * 3_600_000)
  await host.collector.caughtUp
  host.append(sampled(noon + 2 * 3_600_000, { openFds: 990 }), probe(noon + 2 * 3_600_000, 40))
  await host.next()
  assert.equal(host.lines, ['error alert.raised file-descriptors n1'])
})

test.run()
