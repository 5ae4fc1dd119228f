import { once } from 'node:events'
import { type IncomingMessage, request } from 'node:http'
import { connect } from 'node:net'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { type Appliance, startAppliance } from '../kit/processes/harness.ts'
import { until } from '../until.ts'

const requests = (path: string, bytes: number): string => {
  const one = `GET ${path} HTTP/1.1\r\nhost: localhost\r\n\r\n`
  return one.repeat(Math.ceil(bytes / one.length))
}

const portOf = (proxy: Appliance): number => Number(new URL(proxy.metricsUrl).port)

/** Writes without reading, and closes when the kernel has taken all bytes or the server has closed. */
const writeAndLeave = async (port: number, bytes: string): Promise<void> => {
  const socket = connect(port, '127.0.0.1')
  socket.on('error', () => {})
  socket.write(bytes, () => socket.destroy())
  await new Promise((resolve) => socket.on('close', resolve))
}

const answers = (proxy: Appliance, path: string): Promise<boolean> =>
  fetch(`${proxy.metricsUrl}${path}`).then(
    ({ ok }) => ok,
    () => false,
  )

const floods = [
  { name: '1 MB', bytes: 1_000_000, sockets: 1 },
  { name: '27 MB', bytes: 27_000_000, sockets: 1 },
  { name: '27 MB over 60 sockets', bytes: 450_000, sockets: 60 },
]

test('pipelined requests of closed connections cost neither time nor memory, and SIGTERM ends the process', async () => {
  await using proxy = await startAppliance({ env: { DRAIN_SECONDS: '2' } })
  const port = portOf(proxy)
  await proxy.metrics()
  const rss = await proxy.rssBytes()
  for (const { name, bytes, sockets } of floods)
    for (const path of ['/metrics', '/api/status', '/']) {
      const before = await proxy.cpuSeconds()
      await Promise.all(Array.from({ length: sockets }, () => writeAndLeave(port, requests(path, bytes))))
      await until(() => answers(proxy, '/healthz'), `${name} of ${path} is over`)
      const spent = (await proxy.cpuSeconds()) - before
      assert.ok(spent < 15, `${name} of ${path} took ${spent} s of CPU`)
    }
  const grown = (await proxy.rssBytes()) - rss
  assert.ok(grown < 150_000_000, `${grown} bytes more`)
  assert.is(await proxy.metric('mtscope_build_info'), 1)
})

const ofCollector = { KAFKA_BROKERS: '127.0.0.1:1', REDIS_URL: 'redis://127.0.0.1:1' }

for (const [program, more] of [
  ['compose/appliance.ts', {}],
  ['proxy/main.ts', {}],
  ['collector/main.ts', ofCollector],
] as const)
  test(`${program}: a continuous flood does not delay health checks, and SIGTERM ends the process within DRAIN_SECONDS`, async () => {
    await using proxy = await startAppliance({ program, env: { DRAIN_SECONDS: '2', ...more } })
    const port = portOf(proxy)
    const flood = requests('/metrics', 1_000_000)
    let stopped = false
    const flooding = Array.from({ length: 20 }, async () => {
      while (!stopped) await writeAndLeave(port, flood)
    })
    await using _ = {
      [Symbol.asyncDispose]: async () => {
        stopped = true
        await Promise.all(flooding)
      },
    }
    for (let looks = 0; looks < 5; looks++) {
      await until(() => answers(proxy, '/healthz'), '/healthz answers under a flood')
    }
    assert.is(await proxy.stop(), 0)
    const at = (message: string): number => {
      const line = proxy.lines.find((line) => line.includes(` info ${message}`))
      return Date.parse(line?.split(' ', 1)[0] ?? '')
    }
    const took = at('stopped') - at('stopping')
    assert.ok(took < 30_000, `${took} ms from SIGTERM to the end`)
  })

test('HTTP clients that neither send nor read leave places for others', async () => {
  await using proxy = await startAppliance()
  const port = portOf(proxy)
  await using stack = new AsyncDisposableStack()
  const hold = (bytes: string): void => {
    const socket = connect(port, '127.0.0.1').pause()
    socket.on('error', () => {})
    socket.write(bytes)
    stack.defer(() => void socket.destroy())
  }
  for (let i = 0; i < 100; i++) {
    hold('')
    hold('GET /metrics HTTP/1.1\r\nhost: loc')
    hold('GET /metrics HTTP/1.1\r\nhost: localhost\r\n\r\n')
    hold(
      `POST /metrics HTTP/1.1\r\nhost: localhost\r\ncontent-length: 1000000000\r\n\r\n${'x'.repeat(100_000)}`,
    )
    hold(`GET / HTTP/1.1\r\nhost: localhost\r\nx: ${'y'.repeat(100_000)}\r\n\r\n`)
  }
  await until(() => answers(proxy, '/metrics'), '/metrics answers meanwhile')
})

for (const [program, more] of [
  ['compose/appliance.ts', {}],
  ['collector/main.ts', ofCollector],
] as const)
  test(`${program} listening on every address accepts only its own names, PUBLIC_HOST and METRICS_ALLOWED_HOSTS`, async () => {
    const hosts = { METRICS_HOST: '0.0.0.0', METRICS_ALLOWED_HOSTS: 'proxy', PUBLIC_HOST: 'пример.рф' }
    await using proxy = await startAppliance({ program, env: { ...hosts, ...more } })
    const status = async (host: string): Promise<number | undefined> => {
      const asking = request({
        port: portOf(proxy),
        path: '/api/status',
        headers: { host },
        agent: false,
      }).end()
      const [response] = (await once(asking, 'response')) as [IncomingMessage]
      response.resume()
      return response.statusCode
    }
    for (const host of ['proxy:9464', 'xn--e1afmkfd.xn--p1ai', 'localhost:1', '127.0.0.1'])
      assert.is(await status(host), 200, host)
    for (const host of ['evil.example', 'proxy.evil.example:9464', '203.0.113.7'])
      assert.is(await status(host), 421, host)
    assert.is(proxy.lines.filter((line) => line.includes('http-host-refused host=evil.example ')).length, 1)
  })

test.run()
