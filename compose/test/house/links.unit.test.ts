import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { allFilesOf } from '../sources/files.ts'
import { anchorsOf, brokenLinks } from './links.ts'

const root = join(import.meta.dirname, '../../..')
const files = allFilesOf(root)
const read = (path: string): string => readFileSync(join(root, path), 'utf8')

test('every link, anchor and path in a Markdown file leads to a file or heading', () => {
  const documents = allFilesOf(root).filter((path) => path.endsWith('.md'))
  assert.ok(documents.length > 20)
  const broken = documents.flatMap((path) =>
    brokenLinks({ path, text: read(path) }, files, read).map((what) => `${path} ${what}`),
  )
  assert.is(broken.join('\n'), '')
})

test('an anchor is the heading in lower case, without punctuation, numbered where it repeats', () => {
  const text =
    '# A fleet\n## What it does, and `why`?\n```sh\n# a comment\n```\n## A fleet\n### [Settings](a.md) / Häuser\n'
  assert.equal([...anchorsOf(text)], ['a-fleet', 'what-it-does-and-why', 'a-fleet-1', 'settings--häuser'])
})

test('a broken link, anchor or path is found, a right one is not', () => {
  const there = ['docs/a.md', 'docs/b/README.md', 'proxy/main.ts', 'proxy/a.unit.test.ts']
  const found = (text: string): string[] => brokenLinks({ path: 'docs/a.md', text }, there, () => '# Title\n')
  for (const text of [
    '[b](b/README.md#title) [b](b) [here](#title) [web](https://example.org/#x)',
    '`node proxy/main.ts`, proxy/*.unit.test.ts, proxy/, docs/a.md.',
    '```\n[no link](x.md)\n```',
  ])
    assert.equal(found(text), [], text)
  for (const text of [
    '[b](c.md)',
    '[b](b/README.md#titel)',
    '[here](#x)',
    '`proxy/mian.ts`',
    'proxy/*.e2e.test.ts',
  ])
    assert.is(found(text).length, 1, text)
})

test.run()
