import { randomBytes } from 'node:crypto'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { connectClient } from '../kit/client/client.ts'
import { clientHello } from '../kit/client/client-hello.ts'
import { observe } from '../kit/client/probe.ts'
import {
  answerable,
  exprOf,
  filled,
  panelQueries,
  untilAllHaveData,
  valuesOf,
  variableQueries,
} from '../kit/dashboards/panel-queries.ts'
import { type Appliance, freePort, startAppliance } from '../kit/processes/harness.ts'
import { fakeDatacenter } from '../kit/servers/fake-datacenter.ts'
import { siteName } from '../kit/servers/site.ts'
import { skipUnless } from '../kit/skip.ts'
import { ensurePrometheus, startPrometheus } from '../services/prometheus.ts'
import { until } from '../until.ts'

const it = skipUnless(test, ensurePrometheus() !== null, 'prometheus is missing')

/** Queries of what this appliance does not use: middle proxies, listeners of LISTEN, a fleet. Their own tests read these metrics. */
const isElsewhere = (reason: string): boolean => /USE_MIDDLE_PROXY|LISTEN|only a fleet/.test(reason)

const people = async ({ port, secret }: Appliance): Promise<void> => {
  for (const mode of ['classic', 'secure', 'tls'] as const) {
    for (const dc of [2, 4]) {
      await using client = await connectClient({ port, secret, mode, dc })
      await client.reqPq()
      // Enough for the network of the client to be measured.
      await client.echo(randomBytes(80_000))
      // And its handshake is replayed, as a censor does.
      if (dc === 4) await observe(port, [client.firstBytes[0]!, 'fin'])
    }
  }
  await observe(port, [Buffer.from('GET / HTTP/1.0\r\n\r\n'), 'fin'])
}

it('every query of every panel and variable has data on a running appliance, and changes when a datacenter stops', async () => {
  await using two = await fakeDatacenter()
  await using four = await fakeDatacenter()
  await using proxy = await startAppliance({
    datacenters: { 2: two, 4: four },
    env: {
      PROBE_INTERVAL: '1',
      DOCTOR_INTERVAL: '600',
      TG_CONNECT_TIMEOUT: '1',
      // A list that is missing.
      BLOCK_LISTS: 'blocked.txt',
      // Some clients wait for a dial.
      MAX_CONNS_IN_POOL: '1',
      UPSTREAMS: `direct,socks5://127.0.0.1:${await freePort()}?name=away`,
    },
  })
  const target = proxy.metricsUrl.replace('http://', '')
  await using prometheus = await startPrometheus({ scrape: { mtscope: [target] }, intervalMs: 1_000 })
  let calling = true
  const crowd = (async () => {
    while (calling) {
      await people(proxy).catch(() => {})
      // Time itself: clients connect one after the other.
      await new Promise((resolve) => setTimeout(resolve, 200))
    }
  })()
  await using _ = {
    [Symbol.asyncDispose]: async () => {
      calling = false
      // Time itself: a client may wait for an answer that does not come any more.
      await Promise.race([crowd, new Promise((resolve) => setTimeout(resolve, 2_000).unref())])
    },
  }
  await untilAllHaveData(prometheus, [
    ...answerable(panelQueries).filter(({ fleet, seldom }) => !fleet && seldom === undefined),
    ...variableQueries,
  ])
  // Queries about a fleet must be valid, too; fleet.e2e.test.ts checks their data.
  for (const { expr } of panelQueries) await prometheus.query(filled(expr))
  const share = exprOf('Overview', 'Connections answered within 2 s')
  const up = exprOf('Datacenters', 'Datacenter availability')
  const dialFailures = exprOf('Datacenters', 'Failed dials')
  await until(
    async () =>
      (await valuesOf(prometheus, share))[0]! > 0.95 &&
      (await valuesOf(prometheus, `${up} == 0`)).length === 0,
    'every datacenter is up',
  )
  const ofFour = await prometheus.query(filled(up, { dc: '4' }))
  assert.ok(ofFour.length > 0 && ofFour.every(({ metric }) => metric.dc === '4'))

  // The same hello without a valid signature has the same fingerprint and another outcome.
  const foreign = clientHello({ secret: randomBytes(16), domain: siteName }).bytes
  await observe(proxy.port, [foreign, 'fin'])
  await until(async () => {
    const matrix = await prometheus.query(filled(exprOf('Security', 'JA4 × outcome')))
    const outcomes = new Set(matrix.map(({ metric }) => metric.outcome))
    return ['accepted', 'replayed', 'bad-digest'].every((outcome) => outcomes.has(outcome))
  }, 'hellos of each outcome')

  await two.goAway()
  await until(
    async () => (await valuesOf(prometheus, share))[0]! < 0.9,
    'the share of answered connections falls',
  )
  await until(async () => {
    const down = await prometheus.query(filled(`${up} == 0`))
    return down.length > 0 && down.every(({ metric }) => metric.dc === '2')
  }, 'only this datacenter is down')
  await until(
    async () => (await valuesOf(prometheus, `${dialFailures} > 0`)).length > 0,
    'dials of clients fail',
  )
  // With this fault the queries have data that have none on a healthy appliance.
  await untilAllHaveData(
    prometheus,
    panelQueries.filter(({ fleet, seldom }) => !fleet && seldom !== undefined && !isElsewhere(seldom)),
  )
})

test.run()
