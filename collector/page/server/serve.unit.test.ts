import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { pageRoutes } from './serve.ts'

const page = pageRoutes()
const html = page('/')?.body.toString() ?? ''
const linked = [...html.matchAll(/(?:src|href)="(\/(?:page|favicon)[^"]+)"/g)].map((match) => match[1] ?? '')

test('the page and everything that it links to exists', () => {
  assert.ok(linked.length >= 8)
  for (const path of linked) assert.is(page(path)?.status, 200, path)
})

test('every module finds the modules that it imports', () => {
  const base = linked.find((path) => path.endsWith('main.ts')) ?? ''
  const seen = new Set<string>()
  const follow = (path: string): void => {
    if (seen.has(path)) return
    seen.add(path)
    const answer = page(path)
    assert.ok(answer, path)
    for (const [, name] of answer.body.toString().matchAll(/from '(.+?)'/g)) {
      follow(new URL(name ?? '', `http://page${path}`).pathname)
    }
  }
  follow(base)
  assert.ok(seen.size > 10)
})

test('files with a hash in their path are cached permanently, the page itself is not', () => {
  assert.is(page('/')?.headers['cache-control'], 'no-cache')
  const script = page(linked.find((path) => path.endsWith('main.ts')) ?? '')
  assert.match(script?.headers['cache-control'] ?? '', 'immutable')
  assert.match(script?.headers['content-type'] ?? '', 'text/javascript')
})

test('every answer forbids everything that the page does not need', () => {
  for (const path of ['/', '/favicon.ico', ...linked]) {
    const { headers } = page(path) ?? { headers: {} as Record<string, string> }
    assert.match(
      headers['content-security-policy'] ?? '',
      "default-src 'none'; script-src 'self'; style-src 'self'",
    )
    assert.not.match(headers['content-security-policy'] ?? '', 'unsafe')
    assert.is(headers['x-content-type-options'], 'nosniff')
    assert.is(headers['referrer-policy'], 'no-referrer')
  }
})

test('nothing else is served: no tests, no paths out of the folder', () => {
  const base = (linked[1] ?? '').replace(/[^/]+$/, '')
  const others = [
    '',
    '/serve.ts',
    '/page/',
    base,
    `${base}format.test.ts`,
    `${base}../serve.ts`,
    '/__proto__',
  ]
  for (const path of others) assert.is(page(path), null, path)
})

test('a browser gets no types', () => {
  const script = page(linked.find((path) => path.endsWith('main.ts')) ?? '')?.body.toString() ?? ''
  assert.not.match(script, 'import type')
  assert.not.match(script, ': Status')
})

test('the runbook is a page with an anchor for each rule', () => {
  const body = String(pageRoutes()('/runbook')?.body)
  assert.match(body, '<h2 id="datacenter-down">datacenter-down</h2>')
  assert.match(body, '<code>npm run doctor -- --only clock</code>')
  assert.not.match(body, '`')
  assert.not.match(body, '**')
})

test.run()
