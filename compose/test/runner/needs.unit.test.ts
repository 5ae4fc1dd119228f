import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { filesOf } from '../sources/files.ts'
import { needsOf } from './needs.ts'
import { testServers } from './services.ts'

const root = join(import.meta.dirname, '../../..')

test('a test needs the servers that its imports reach, however far away', () => {
  const sources = [
    { path: 'proxy/a.int.test.ts', text: "import { b } from './b.ts'\n" },
    { path: 'proxy/b.ts', text: "import { startRedis } from '../compose/redis.ts'\n" },
    { path: 'proxy/c.int.test.ts', text: "import type { Redis } from '../compose/redis.ts'\n" },
    { path: 'compose/redis.ts', text: '' },
  ]
  const servers = [
    { name: 'redis', module: 'compose/redis.ts' },
    { name: 'kafka', module: 'compose/kafka.ts' },
  ]
  const needs = needsOf(['proxy/a.int.test.ts', 'proxy/c.int.test.ts'], sources, servers)
  assert.equal(needs.get('proxy/a.int.test.ts'), ['redis'])
  assert.equal(needs.get('proxy/c.int.test.ts'), [])
})

test('every test server is started by a module that exists', () => {
  const files = new Set(filesOf(root, /\.ts$/))
  for (const { module } of testServers) assert.ok(files.has(module), module)
})

test('a unit test needs no server, even where it imports code that can start one', () => {
  const sources = [
    { path: 'proxy/a.unit.test.ts', text: "import './redis.ts'\n" },
    { path: 'proxy/redis.ts', text: '' },
  ]
  const needs = needsOf(['proxy/a.unit.test.ts'], sources, [{ name: 'redis', module: 'proxy/redis.ts' }])
  assert.equal([...needs], [['proxy/a.unit.test.ts', []]])
})

test.run()
