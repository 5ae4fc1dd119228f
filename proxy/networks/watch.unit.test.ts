import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { until } from '../../compose/test/until.ts'
import type { ProxyEvent } from '../events/contract.ts'
import { blocking } from './access.ts'
import { readList } from './read-list.ts'
import { watchLists } from './watch.ts'

const address = (text: string): Buffer => Buffer.from(text.split('.').map(Number))

/** A folder of the test, and a server whose answer it sets; null answers 500. */
const ground = async () => {
  const folder = mkdtempSync(join(tmpdir(), 'networks-'))
  const served: { body: string | null } = { body: null }
  const server = createServer((_request, response) => {
    response.statusCode = served.body === null ? 500 : 200
    response.end(served.body ?? '')
  })
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done))
  const at = server.address()
  const url = `http://127.0.0.1:${typeof at === 'object' && at ? at.port : 0}/list?token=hunter2`
  const stopping: AbortController[] = []
  return {
    folder,
    url,
    served,
    watch: (blockLists: readonly string[], allowLists: readonly string[] = []) => {
      const events: ProxyEvent[] = []
      const lines: string[] = []
      const controller = new AbortController()
      stopping.push(controller)
      let blocked = blocking({ block: null, allow: null })
      const { ready, reload } = watchLists({
        blockLists,
        allowLists,
        refreshMs: 3_600_000,
        dataDir: folder,
        logger: (_level, code, fields) => lines.push(JSON.stringify({ code, ...fields })),
        emit: (event) => events.push(event),
        now: Date.now,
        signal: controller.signal,
        changed: (access) => {
          blocked = blocking(access)
        },
      })
      return { ready, reload, events, lines, blocks: (text: string) => blocked?.(address(text)) ?? false }
    },
    [Symbol.asyncDispose]: async () => {
      for (const controller of stopping) controller.abort()
      server.closeAllConnections()
      await new Promise((done) => server.close(done))
      rmSync(folder, { recursive: true })
    },
  }
}

test('a list has a network on each line, and comments', () => {
  const read = readList(
    '# head\n203.0.113.0/24\r\n\n198.51.100.7 ; name\n2001:db8::/32#x\nexample.org\n10.0.0.0/40\n',
  )
  assert.is(read.networks.length, 3)
  assert.is(read.invalid, 2)
  assert.is(read.firstInvalid, 6)
})

test('files and URLs are loaded, changed by a reload, and blocked networks take precedence over allowed ones', async () => {
  await using place = await ground()
  const file = join(place.folder, 'blocked.txt')
  writeFileSync(file, '203.0.113.0/24\n')
  place.served.body = '198.51.0.0/16\n203.0.0.0/8\n'
  const watch = place.watch([file], [place.url])
  await watch.ready
  assert.ok(watch.blocks('203.0.113.9'), 'in both lists')
  assert.not(watch.blocks('203.0.114.9'), 'allowed')
  assert.ok(watch.blocks('192.0.2.1'), 'not allowed')
  writeFileSync(file, '198.51.100.0/24\n')
  watch.reload()
  await until(() => watch.blocks('198.51.100.1'), 'the file was read again')
  assert.not(watch.blocks('203.0.113.9'))
  const loaded = watch.events.map((event) =>
    event.type === 'networks.loaded' ? `${event.list} ${event.networks}` : '',
  )
  assert.equal(loaded.slice(0, 2), ['block 1', 'allow 2'])
})

test('what cannot be loaded stays as it was, also after a restart, and is reported without the token of its URL', async () => {
  await using place = await ground()
  place.served.body = '203.0.113.0/24\n'
  await place.watch([place.url]).ready
  place.served.body = null
  const later = place.watch([place.url])
  await later.ready
  assert.ok(later.blocks('203.0.113.9'), 'from disk, immediately')
  await until(() => later.events.length > 0, 'it was tried')
  const [event] = later.events
  assert.ok(event?.type === 'networks.loaded')
  assert.equal([event.failed, event.missing, event.networks], [1, 0, 1])
  assert.match(later.lines.join('\n'), /"reason":"HTTP 500"/)
  assert.not.match(later.lines.join('\n'), 'hunter2')
  assert.ok(later.blocks('203.0.113.9'))
})

test('a page that is not a list does not replace a list', async () => {
  await using place = await ground()
  place.served.body = '203.0.113.0/24\n'
  const watch = place.watch([place.url])
  await watch.ready
  place.served.body = '<html>\n<p>sign in</p>\n'
  watch.reload()
  await until(() => watch.events.length > 1, 'it was tried again')
  assert.ok(watch.blocks('203.0.113.9'))
})

test('nothing of a block list blocks no client, nothing of an allow list blocks every client', async () => {
  await using place = await ground()
  const missing = join(place.folder, 'none.txt')
  const block = place.watch([missing])
  const allow = place.watch([], [missing])
  await Promise.all([block.ready, allow.ready])
  assert.not(block.blocks('203.0.113.9'))
  assert.ok(allow.blocks('203.0.113.9'))
  const [event] = allow.events
  assert.ok(event?.type === 'networks.loaded')
  assert.equal([event.failed, event.missing], [1, 1])
  assert.match(allow.lines.join('\n'), 'ENOENT')
})

test.run()
