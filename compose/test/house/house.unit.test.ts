import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { generated } from '../../generate/generated.ts'
import { filesOf, textFilesOf } from '../sources/files.ts'
import { reachedFrom, type Source } from '../sources/imports.ts'
import { circles } from './circles.ts'
import { direction, purity } from './directions.ts'
import { layout, roomsImported } from './layout.ts'
import type { Rule } from './rule.ts'
import { words } from './words.ts'
import { naming, size, syntax, testing } from './writing.ts'

const root = join(import.meta.dirname, '../../..')
const read = (path: string): string => readFileSync(join(root, path), 'utf8')
const sources: readonly Source[] = filesOf(root, /\.(?:ts|mjs|js|css)$/).map((path) => ({
  path,
  text: read(path),
}))

/** Tests that the tree keeps the rule, that each `broken` example breaks it once, and that the `fine` ones keep it. */
const rule = (name: string, holds: Rule, broken: readonly Source[], fine: readonly Source[] = []): void => {
  test(name, () => {
    const mistakes = sources.flatMap((source) => holds(source).map((mistake) => `${source.path} ${mistake}`))
    assert.is(mistakes.join('\n'), '')
  })
  test(`${name}: examples`, () => {
    for (const example of broken) assert.is(holds(example).length, 1, JSON.stringify(example))
    for (const example of fine) assert.equal(holds(example), [], example.text)
  })
}

const file = (path: string, ...lines: string[]): Source => ({ path, text: `${lines.join('\n')}\n` })

rule(
  'imports point back along the path',
  direction,
  [
    file('proxy/a.ts', "import { b } from '../collector/b.ts'"),
    file('proxy/events/a.ts', "import type { Config } from '../config/config.ts'"),
    file('proxy/wire/a.ts', "import { connect } from 'node:net'"),
    file('proxy/wire/a.ts', "import { log } from '../logger/logger.ts'"),
    file('proxy/relay/a.ts', 'import {', '  trace,', "} from '@opentelemetry/api'"),
    file('proxy/relay/a.ts', "const { trace } = await import('@opentelemetry/api')"),
    file('collector/a.ts', "export { readConfig } from '../proxy/config/config.ts'"),
    file('collector/page/a.ts', "import '../../proxy/logger/logger.ts'"),
    file('dashboards/a.ts', "import type { Status } from '../collector/read/status.ts'"),
  ],
  [
    file(
      'collector/a.ts',
      "import type { Config } from '../proxy/config/config.ts'",
      "import '../proxy/event-log/event-log.ts'",
    ),
    file('proxy/wire/a.ts', "import { createHash } from 'node:crypto'", "import './b.ts'"),
    file('dashboards/a.ts', "import { metrics } from '../collector/read/metrics.ts'"),
    file('proxy/wire/a.unit.test.ts', "import { connect } from 'node:net'"),
  ],
)

const telemetry = (start: string, files: readonly Source[]): string[] =>
  [...reachedFrom(start, files)].filter((target) => target.startsWith('@opentelemetry/'))

test('a relay thread does not load OpenTelemetry, directly or through its imports', () => {
  const worker = 'proxy/relay/threads/worker.ts'
  assert.ok(reachedFrom(worker, sources).size > 10)
  assert.equal(telemetry(worker, sources), [])
  const far = [
    file(worker, "import '../../a.ts'", "import type { T } from '@opentelemetry/types'"),
    file('proxy/a.ts', "import { b } from '@opentelemetry/api'"),
  ]
  assert.equal(telemetry(worker, far), ['@opentelemetry/api'])
})

rule(
  'a file is in the folder of its purpose, and shipped code does not import code for tests',
  layout,
  [
    file('proxy/a.ts'),
    file('collector/fold/a.test.ts'),
    file('proxy/app/a.e2e.test.ts'),
    file('proxy/app/a.ts', "import { until } from '../../compose/test/until.ts'"),
  ],
  [
    file('proxy/app/a.unit.test.ts', "import { until } from '../../compose/test/until.ts'"),
    file('compose/test/e2e/a.e2e.test.ts'),
  ],
)

test('the README of the collector lists the folders of the proxy that the collector imports', () => {
  const named = [...read('collector/README.md').matchAll(/^- `(proxy\/[\w-]+)`/gm)].map(([, name]) => name)
  assert.equal(named, roomsImported(sources))
})

test('circles are found among files and among folders', () => {
  const files = [file('a/x.ts', "import './y.ts'"), file('a/y.ts', "import type { X } from './x.ts'")]
  assert.equal(circles(files), ['a/: a/x.ts ↔ a/y.ts'])
  const folders = [
    file('a/x.ts', "import '../b/x.ts'"),
    file('b/x.ts'),
    file('b/y.ts', "import '../a/y.ts'"),
    file('a/y.ts'),
  ]
  assert.equal(circles(folders), ['.: a ↔ b'])
  assert.equal(circles([file('a/x.ts', "import './y.ts'"), file('a/y.ts')]), [])
})

test('there is no import circle, of files or of folders', () => {
  assert.equal(circles(sources), [])
})

test('no text has a word that docs/style.md replaces', () => {
  const found = textFilesOf(root).flatMap((path) =>
    words({ path, text: read(path) }).map((what) => `${path} ${what}`),
  )
  assert.is(found.join('\n'), '')
})

test('the word rule reads comments, texts and names, and leaves contracts alone', () => {
  for (const text of [
    '// whoever connects',
    "log('nobody answered')",
    'const toldRefusal = 1',
    'the address of who asked',
    'this is no client',
    'two facts',
    "type = 'facts of it'",
  ])
    assert.is(words(file('a.ts', text)).length, 1, text)
  for (const text of [
    'untoldToClient: number',
    "limit: 'strangers',",
    '{limit!="strangers"}',
    '  strangers: true,',
    'a black hole: packets go in and nothing comes back',
    'there is no broker, and in fact it is no longer needed',
    'clients that connect',
    'factor, holed, tellurium, somebodys, besides',
  ])
    assert.equal(words(file('a.ts', text)), [], text)
  assert.equal(words(file('docs/glossary.md', 'nobody')), [])
})

rule('wire reads no clock and logs nothing', purity, [
  file('proxy/wire/a.ts', 'export const now = () => Date.now()'),
  file('proxy/wire/a.ts', "console.log('x')"),
])

rule('no file has more than 300 lines', size, [file('a.ts', ...Array<string>(301).fill(''))])

rule('a file name is a kebab-case noun with a meaning', naming, [
  file('proxy/utils.ts'),
  file('a/index.ts'),
  file('a/someThing.ts'),
])

rule(
  'no enum, no namespace, no barrel',
  syntax,
  [
    file('a.ts', 'export const enum Colour { red }'),
    file('a.ts', 'namespace Far {'),
    file('a.ts', "export { a } from './a.ts'", "export * from './b.ts'"),
  ],
  [file('a.ts', '// enum Colour { red }', "const text = 'enum A {'")],
)

rule(
  'a test file calls run(), has no hooks and waits for no fixed time',
  testing,
  [
    file('a.unit.test.ts', "test('a', () => {})"),
    file('a.unit.test.ts', 'test.before(() => {})', 'test.run()'),
    file('a.e2e.test.ts', 'pages.after.each(() => {})', 'pages.run()'),
    file('a.unit.test.ts', 'test.only("a", () => {})', 'test.run()'),
    file('a.unit.test.ts', 'await sleep(100)', 'test.run()'),
    file('a.unit.test.ts', 'setTimeout(done, 10)', 'test.run()'),
    file('a.unit.test.ts', '// test.run()'),
  ],
  [
    file('a.unit.test.ts', "test('a', () => {})", '', 'test.run()'),
    file('a.unit.test.ts', '// Time itself is measured', 'setTimeout(done, 10)', 'test.run()'),
  ],
)

for (const { path, text } of generated) {
  test(`${path} is current: npm run generate writes the same`, async () => {
    const current = read(path)
    assert.is(await text(current), current)
  })
}

/** A lock file with URLs works only where those can be reached. */
const urlsOf = (lock: string): string[] => lock.match(/"resolved": *"[^"]*"/g) ?? []

test('the lock file has no URL, and every version is exact', () => {
  assert.equal(urlsOf(read('package-lock.json')), [])
  assert.is(urlsOf('"resolved": "https://example.com/a.tgz"').length, 1)
  const versions = read('package.json').match(/"(?:[\^~><=*]|latest)[^"]*"/g)
  assert.equal(versions, ['">=20"'])
})

test.run()
