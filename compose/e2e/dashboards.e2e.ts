import { randomBytes } from 'node:crypto'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { boards } from '../../dashboards/boards.ts'
import { variableQueries } from '../../dashboards/build.ts'
import { ensurePrometheus, type Prometheus, startPrometheus } from '../services/prometheus.ts'
import { skipUnless } from '../testing/skip.ts'
import { connectClient } from './client.ts'
import { fakeDatacenter } from './fake-datacenter.ts'
import { type Appliance, startAppliance } from './harness.ts'
import { observe } from './stranger.ts'
import { until } from './until.ts'

const it = skipUnless(test, ensurePrometheus() !== null, 'prometheus is missing')

/** A query as Grafana sends it: with its variables filled in. */
const filled = (expr: string): string =>
  expr
    .replaceAll('$__rate_interval', '10s')
    .replaceAll('$__range', '5m')
    .replaceAll(/\$(?:node|fleet|dc|user)\b/g, '.*')

const queries = boards.flatMap(({ title, rows }) =>
  rows.flatMap(({ panels }) =>
    panels.flatMap((panel) =>
      panel.queries.map((query) => ({ ...query, of: `${title}: ${panel.title}: ${query.legend}` })),
    ),
  ),
)

const people = async ({ port, secret }: Appliance): Promise<void> => {
  for (const mode of ['classic', 'secure', 'tls'] as const) {
    for (const dc of [2, 4]) {
      await using client = await connectClient({ port, secret, mode, dc })
      await client.reqPq()
      await client.echo(randomBytes(20_000))
    }
  }
  await observe(port, [Buffer.from('GET / HTTP/1.0\r\n\r\n'), 'fin'])
}

/** Every number that a query has at this time. */
const valuesOf = async (prometheus: Prometheus, expr: string): Promise<number[]> =>
  (await prometheus.query(filled(expr))).map(({ value }) => value).filter((value) => !Number.isNaN(value))

it('every query of every panel and variable has data on a running appliance, and moves when a datacenter goes', async () => {
  await using two = await fakeDatacenter()
  await using four = await fakeDatacenter()
  await using proxy = await startAppliance({
    datacenters: { 2: two, 4: four },
    env: { PROBE_INTERVAL: '1', DOCTOR_INTERVAL: '600', TG_CONNECT_TIMEOUT: '1' },
  })
  const target = proxy.metricsUrl.replace('http://', '')
  await using prometheus = await startPrometheus({ scrape: { mtscope: [target] }, intervalMs: 1_000 })
  let calling = true
  const crowd = (async () => {
    while (calling) {
      await people(proxy).catch(() => {})
      // Time itself is what is wanted: people come one after the other.
      await new Promise((resolve) => setTimeout(resolve, 200))
    }
  })()
  await using _ = {
    [Symbol.asyncDispose]: async () => {
      calling = false
      // Time itself: somebody may be in the middle of a call that nobody answers any more.
      await Promise.race([crowd, new Promise((resolve) => setTimeout(resolve, 2_000).unref())])
    },
  }
  const empty = new Set(queries.filter(({ quiet }) => !quiet))
  await until(
    async () => {
      for (const query of empty) {
        if ((await valuesOf(prometheus, query.expr)).length > 0) empty.delete(query)
      }
      return empty.size === 0
    },
    'every panel has data',
    60_000,
  ).catch(() => assert.unreachable(`without data: ${[...empty].map(({ of }) => of).join('; ')}`))
  // What is only there in trouble must be a query all the same.
  for (const { expr } of queries) await prometheus.query(filled(expr))
  for (const [metric, label] of variableQueries) {
    const series = await prometheus.query(`group by (${label}) (${metric})`)
    assert.ok(series.length > 0 && series.every(({ metric }) => metric[label]), `${metric} ${label}`)
  }
  const exprOf = (board: string, title: string): string =>
    queries.find(({ of }) => of.startsWith(`${board}: ${title}`))?.expr ?? ''
  const share = exprOf('Overview', 'Answered within 2 s')
  const up = exprOf('Datacenters', 'Up or down')
  const dialFailures = exprOf('Datacenters', 'Dials that failed')
  await until(
    async () =>
      (await valuesOf(prometheus, share))[0]! > 0.95 &&
      (await valuesOf(prometheus, `${up} == 0`)).length === 0,
    'all is well',
  )

  await two.goAway()
  await until(async () => (await valuesOf(prometheus, share))[0]! < 0.9, 'the share of the answered falls')
  await until(async () => {
    const down = await prometheus.query(filled(`${up} == 0`))
    return down.length > 0 && down.every(({ metric }) => metric.dc === '2')
  }, 'it is down, and no other')
  await until(
    async () => (await valuesOf(prometheus, `${dialFailures} > 0`)).length > 0,
    'people’s dials fail',
  )
})

test.run()
