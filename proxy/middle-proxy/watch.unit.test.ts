import { randomBytes } from 'node:crypto'
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { addressText } from '../datacenter/directory.ts'
import type { MiddleProxyDocument, ProxyEvent } from '../events/contract.ts'
import type { MiddleProxies } from './directory.ts'
import { keptFile } from './kept.ts'
import { watchMiddleProxies } from './watch.ts'

/** A body; a status; null: no answer. */
type Answer = Buffer | string | number | null
type Read = Extract<ProxyEvent, { type: 'middle-proxies.read' }>

const config = 'default 2;\nproxy_for 1 149.154.175.50:8888;\nproxy_for 2 149.154.161.144:8888;\n'
const six = 'default 2;\nproxy_for 2 [2001:67c:4e8:f002::d]:8888;\n'
const secret = randomBytes(128)

/** A server in place of Telegram's, and a folder that outlives a watch. */
const world = async () => {
  const folder = mkdtempSync(join(tmpdir(), 'mtscope-middle-'))
  const answers: Record<MiddleProxyDocument, Answer> = { config, 'config-v6': six, secret }
  const server = createServer((request, response) => {
    const answer = answers[(request.url ?? '').slice(1) as MiddleProxyDocument]
    if (answer === null) return
    if (typeof answer === 'number') response.writeHead(answer, { location: '/config' }).end('<html>')
    else response.end(answer)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  const url = (name: string): string => `http://127.0.0.1:${port}/${name}`
  return {
    answers,
    file: join(folder, keptFile),
    /** One run of a proxy, up to `until`. */
    run: async (until: (run: Run) => boolean, patienceMs = 60_000): Promise<Run> => {
      const stopping = new AbortController()
      const run: Run = { changes: [], reads: [], lines: [], started: false }
      const reached = Promise.withResolvers<void>()
      const look = (): void => {
        if (until(run)) reached.resolve()
      }
      const complete = watchMiddleProxies({
        urls: { config: url('config'), 'config-v6': url('config-v6'), secret: url('secret') },
        dataDir: folder,
        logger: (_level, code) => run.lines.push(code),
        emit: (event) => {
          if (event.type === 'middle-proxies.read') run.reads.push(event)
          look()
        },
        now: () => 1_000,
        signal: stopping.signal,
        changed: (all) => run.changes.push(all),
        retryMs: 5,
        patienceMs,
      }).then(() => {
        run.started = true
        look()
      })
      await reached.promise
      stopping.abort()
      await complete
      return run
    },
    [Symbol.asyncDispose]: async () => {
      rmSync(folder, { recursive: true, force: true })
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}
type Run = { changes: MiddleProxies[]; reads: Read[]; lines: string[]; started: boolean }

const read = (document: MiddleProxyDocument, error?: Read['error']) => (run: Run) =>
  run.reads.some((event) => event.document === document && event.error === error)
const all = (run: Run): boolean =>
  (['config', 'config-v6', 'secret'] as const).every((name) => read(name)(run))
const addresses = (run: Run): string[] =>
  [...(run.changes.at(-1)?.byDc.values() ?? [])].flat().map(addressText)

test('the documents are downloaded, joined, and kept for their owner only', async () => {
  await using here = await world()
  const run = await here.run(all)
  assert.equal(addresses(run), ['149.154.175.50:8888', '149.154.161.144:8888', '[2001:67c:4e8:f002::d]:8888'])
  assert.equal(Buffer.from(run.changes.at(-1)!.secret), secret)
  assert.is(statSync(here.file).mode & 0o777, 0o600)
  assert.equal(run.lines, [])
  const read = run.reads.find(({ document }) => document === 'config')
  assert.equal(read, {
    v: 1,
    type: 'middle-proxies.read',
    at: 1_000,
    document: 'config',
    entries: 2,
    fetchedAt: 1_000,
  })
})

test('without an answer those of the run before are in use, and no event or log line has the secret', async () => {
  await using here = await world()
  await here.run(all)
  Object.assign(here.answers, { config: 503, 'config-v6': null, secret: 503 })
  const run = await here.run(read('secret', 'status'))
  assert.ok(run.started)
  assert.is(run.changes.length, 1)
  assert.is(addresses(run).length, 3)
  assert.is(run.reads.at(-1)?.fetchedAt, 1_000)
  assert.ok(run.lines.includes('middle-proxies-not-fetched'))
  assert.not.match(JSON.stringify([run.reads, run.lines]), secret.toString('hex'))
})

test('an answer that is wrong leaves the one before in use, with its reason, and is asked again', async () => {
  const wrong: readonly (readonly [NonNullable<Read['error']>, Answer])[] = [
    ['implausible', ''],
    ['implausible', 'default 9; proxy_for 9 149.154.175.50:8888;'],
    ['malformed', '<html><body>502</body></html>'],
    ['too-long', 'x'.repeat(70_000)],
    ['status', 302],
  ]
  for (const [error, answer] of wrong) {
    await using here = await world()
    await here.run(all)
    here.answers.config = answer
    const failed = (run: Run) => run.reads.filter((event) => event.error === error).length >= 2
    const run = await here.run(failed)
    assert.is(addresses(run).length, 3, error)
    assert.is(run.lines.filter((code) => code === 'middle-proxies-not-fetched').length, 1)
  }
})

test('text in place of the secret is refused', async () => {
  await using here = await world()
  here.answers.secret = '<html><body>This page is not available in your region</body></html>'
  const run = await here.run(read('secret', 'implausible'))
  assert.is(run.changes.length, 0)
})

test('the start waits for the first documents, but not longer than its patience', async () => {
  await using here = await world()
  here.answers.secret = null
  const run = await here.run(({ started }) => started, 20)
  assert.is(run.changes.length, 0)
})

test('a damaged file is replaced by the next download', async () => {
  await using here = await world()
  for (const text of ['', '{"config":', '{"config":{"at":"x"}}', '[]']) {
    writeFileSync(here.file, text)
    const run = await here.run(all)
    assert.ok(run.lines.includes('kept-middle-proxies-damaged'), text)
    assert.is(Object.keys(JSON.parse(readFileSync(here.file, 'utf8'))).length, 3)
  }
})

test('kept documents of another address are not used', async () => {
  await using first = await world()
  await first.run(all)
  await using second = await world()
  writeFileSync(second.file, readFileSync(first.file))
  Object.assign(second.answers, { config: 503, 'config-v6': 503, secret: 503 })
  const run = await second.run(read('secret', 'status'))
  assert.is(run.changes.length, 0)
})

test.run()
