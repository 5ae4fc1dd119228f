import { existsSync, readFileSync } from 'node:fs'
import { join, posix } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { filesOf } from '../test/sources/files.ts'
import { importsOf } from '../test/sources/imports.ts'

const root = join(import.meta.dirname, '../..')
const read = (path: string): string => readFileSync(join(root, path), 'utf8')

/** A pattern of .dockerignore: `**` is any number of folders, `*` any part of a name; it matches what is below it, too. */
const matcher = (pattern: string): RegExp => {
  const source = pattern
    .split(/(\*\*\/?|\*)/)
    .map((part) =>
      part === '**/'
        ? '(?:.*/)?'
        : part === '**'
          ? '.*'
          : part === '*'
            ? '[^/]*'
            : part.replace(/[.+]/g, '\\$&'),
    )
    .join('')
  return new RegExp(`^${source}(?:/.*)?$`)
}

/** Whether .dockerignore leaves `path` in the build context: the last pattern that matches decides. */
const inContext = (ignore: string): ((path: string) => boolean) => {
  const rules = ignore
    .split('\n')
    .filter((line) => line !== '' && !line.startsWith('#'))
    .map((line) => ({ keeps: line.startsWith('!'), pattern: matcher(line.replace(/^!/, '')) }))
  return (path) => rules.findLast(({ pattern }) => pattern.test(path))?.keeps ?? true
}

const kept = inContext(read('.dockerignore'))
const image = filesOf(root, /./).filter(kept)

test('a pattern of .dockerignore matches as Docker documents it', () => {
  const keeps = inContext('**\n!proxy\n!compose/a.ts\n**/*.test.ts\nproxy/bench\n')
  for (const path of ['proxy/main.ts', 'proxy/a/b.ts', 'compose/a.ts']) assert.ok(keeps(path), path)
  for (const path of ['README.md', 'proxy/a/b.test.ts', 'proxy/bench/run.ts', 'compose/b.ts'])
    assert.not.ok(keeps(path), path)
})

test('the image holds no test, kit, proof, demo or benchmark', () => {
  const unwanted = /\.test\.ts$|\.bench\.ts$|\/bench\/|\/fixtures\/|^compose\/(?:test|proofs|demo|generate)\//
  assert.equal(
    image.filter((path) => unwanted.test(path)),
    [],
  )
})

test('the image holds every file that a file in it imports or starts', () => {
  const needed = image
    .filter((path) => /\.(?:ts|mjs)$/.test(path))
    .flatMap((path) => {
      const text = read(path)
      const started = [...text.matchAll(/new URL\(\s*'(\.{1,2}\/[^']+)',\s*import\.meta\.url/g)].map(
        ([, url = '']) => posix.join(posix.dirname(path), url),
      )
      const imported = importsOf({ path, text }).filter(({ typeOnly }) => !typeOnly)
      return [...started, ...imported.map(({ target }) => target)]
        .filter((target) => /^(?:proxy|collector|redis|compose|dashboards)\//.test(target))
        .map((target) => `${path} needs ${target}`)
    })
  assert.ok(needed.length > 500)
  assert.equal(
    needed.filter((line) => {
      const target = line.split(' needs ')[1] ?? ''
      return !existsSync(join(root, target)) || !kept(target)
    }),
    [],
  )
})

test('the image holds its programs', () => {
  for (const path of [
    'proxy/main.ts',
    'collector/main.ts',
    'proxy/doctor/main.ts',
    'collector/commands/events.ts',
    'collector/commands/rebuild.ts',
    'compose/docker/prepare.ts',
    'compose/docker/users-key.ts',
    'compose/docker/health.mjs',
    'compose/npm/warm.mjs',
    'compose/host/optimize_system.sh',
    'package.json',
    'LICENSE',
  ])
    assert.ok(kept(path) && existsSync(join(root, path)), path)
})

test.run()
