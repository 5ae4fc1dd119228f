import { spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { createServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import { networkInterfaces, tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { findAddress } from '../../../proxy/users/public-address.ts'
import { type Appliance, startAppliance } from '../kit/processes/harness.ts'
import { selfSigned } from '../kit/servers/certificate.ts'
import { skipUnless } from '../kit/skip.ts'
import { until } from '../until.ts'

const seen = '198.51.100.7'
const healthCheck = join(import.meta.dirname, '../../docker/health.mjs')

/** A server on loopback that answers with an address as Cloudflare's trace does; `ca` is the file with its certificate. */
const echo = async () => {
  await using stack = new AsyncDisposableStack()
  const folder = await mkdtemp(join(tmpdir(), 'mtscope-echo-'))
  stack.defer(() => rm(folder, { recursive: true, force: true }))
  const { key, cert } = selfSigned('localhost')
  const ca = join(folder, 'ca.pem')
  await writeFile(ca, cert)
  const asked: string[] = []
  const server = createServer({ key, cert }, ({ url = '' }, response) => {
    asked.push(url)
    response.end(`fl=1f1\nh=localhost\nip=${seen}\nts=1.000\nvisit_scheme=https\n`)
  })
  server.on('tlsClientError', () => {})
  stack.defer(() => server[Symbol.asyncDispose]())
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const owned = stack.move()
  return {
    url: `https://localhost:${(server.address() as AddressInfo).port}/cdn-cgi/trace`,
    ca,
    asked,
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  }
}

/** A machine with a public IPv4 address sends no request. */
const own = await findAddress({ publicHost: null, publicHostFrom: null }, new AbortController().signal)
const asks = own.from === 'local' || own.host.includes(':')

const servers = (proxy: Appliance): readonly (string | null)[] => [
  ...new Set(
    proxy.lines
      .filter((line) => line.includes('tg://proxy?'))
      .map((line) => new URL(line.trim()).searchParams.get('server')),
  ),
]
const warned = (proxy: Appliance): readonly string[] =>
  proxy.lines.filter((line) => /which no client outside this network reaches.*PUBLIC_HOST=/.test(line))

/** An appliance that requests its address there. It waits for three seconds, too short on a busy machine: then it starts again. */
const asking = async (from: string, env: Readonly<Record<string, string>> = {}): Promise<Appliance> => {
  for (let tries = 1; ; tries++) {
    const proxy = await startAppliance({ env: { PUBLIC_HOST_FROM: from, DOCTOR_INTERVAL: '600', ...env } })
    if (tries === 5 || !warned(proxy).some((line) => line.includes('does not answer'))) return proxy
    await proxy[Symbol.asyncDispose]()
  }
}

/** The verdict of the running proxy's doctor about the links. */
const verdict = (proxy: Appliance): Promise<string> =>
  until(async () => {
    const line = (await proxy.metrics()).split('\n').find((one) => /settings\.links.* 1$/.test(one))
    return /verdict="(\w+)"/.exec(line ?? '')?.[1]
  }, 'the doctor has run')

test('without configuration the links have the address that the server returns, and no event contains it', async () => {
  await using trace = await echo()
  await using proxy = await asking(trace.url, { NODE_EXTRA_CA_CERTS: trace.ca })
  assert.equal(servers(proxy), [asks ? seen : own.host])
  assert.equal([...new Set(trace.asked)], asks ? ['/cdn-cgi/trace'] : [])
  assert.equal(warned(proxy), [])
  assert.is(await verdict(proxy), 'ok')
  assert.is(await proxy.stop(), 0)
  const data = join(proxy.folder, 'data')
  for (const file of await readdir(data)) assert.not((await readFile(join(data, file))).includes(seen), file)
})

test('an answer with an untrusted certificate is ignored; the doctor warns about unreachable links', async () => {
  await using trace = await echo()
  await using proxy = await asking(trace.url)
  assert.equal(servers(proxy), [own.host])
  assert.equal(trace.asked, [])
  const dead = own.from === 'local'
  assert.is(warned(proxy).length, dead ? 1 : 0, proxy.lines.join('\n'))
  if (dead) assert.match(warned(proxy)[0] ?? '', 'fails: DEPTH_ZERO_SELF_SIGNED_CERT')
  assert.is(await verdict(proxy), dead ? 'warn' : 'ok')
})

const six = Object.values(networkInterfaces()).some((all) => all?.some(({ address }) => address === '::1'))

skipUnless(
  test,
  six,
  'this host has no ::1',
)(
  'IPv6 addresses are printed in brackets before a port, and internationalized names as punycode',
  async () => {
    await using proxy = await startAppliance({
      env: { METRICS_HOST: '::1', MASK_HOST: '::1', MASK_PORT: '1', PUBLIC_HOST: 'пример.рф' },
    })
    assert.match(proxy.metricsUrl, /^http:\/\/\[::1\]:\d+$/)
    const text = proxy.lines.join('\n')
    assert.match(text, `Status page and metrics: ${proxy.metricsUrl}/`)
    assert.match(text, 'Unauthenticated clients see [::1]:1.')
    assert.not.match(text, /::1:\d/)
    assert.match(text, 'server=xn--e1afmkfd.xn--p1ai&')
    assert.is((await fetch(`${proxy.metricsUrl}/readyz`)).status, 200)
    const health = spawnSync(process.execPath, [healthCheck, new URL(proxy.metricsUrl).port], {
      env: { METRICS_HOST: '::1' },
    })
    assert.is(health.status, 0)
  },
)

test.run()
