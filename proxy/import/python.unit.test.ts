import * as fc from 'fast-check'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { readPython } from './python.ts'

const literal = (text: string): unknown => {
  const { assignments, unread } = readPython(`X = ${text}\n`)
  assert.equal(unread, [])
  return assignments[0]?.value
}

test('literals are read as Python reads them', () => {
  assert.is(literal('0x1F'), 31)
  assert.is(literal('1_000'), 1_000)
  assert.is(literal('-5'), -5)
  assert.is(literal('None'), null)
  assert.equal(literal('(1, 2,)'), [1, 2])
  assert.is(literal('(1)'), 1)
  assert.equal(literal("{'a': True, \"b\": [1, 'x'],}"), { a: true, b: [1, 'x'] })
  assert.is(literal('\'a\' "b"'), 'ab')
  assert.is(literal(String.raw`'\x41\u0042\n'`), 'AB\n')
  assert.is(literal(String.raw`r'\x41'`), String.raw`\x41`)
})

test('sums, products and powers of numbers have their order', () => {
  assert.is(literal('10 * 1024 ** 3'), 10 * 1024 ** 3)
  assert.is(literal('1 + 2 * 3 - 4'), 3)
})

test('brackets join lines, comments and triple quotes do not count', () => {
  const source = `"""a text
PORT = 1
"""
USERS = {  # names
  'a': 'b', # }

  'c': 'd'
}
PORT = 443; HOST = 'x'
`
  const { assignments, unread } = readPython(source)
  assert.equal(unread, [])
  assert.equal(
    assignments.map(({ name, value, line }) => [name, value, line]),
    [
      ['USERS', { a: 'b', c: 'd' }, 4],
      ['PORT', 443, 9],
      ['HOST', 'x', 9],
    ],
  )
})

test('what is not the assignment of a literal is returned with its line and runs nothing', () => {
  const { assignments, unread } = readPython(
    'import os\nA = os.environ["X"]\nB = f()\nif A:\n    C = 1\nD = 2 if A else 3\n',
  )
  assert.equal(
    assignments.map(({ name }) => name),
    ['C'],
  )
  assert.equal(
    unread.map(({ line }) => line),
    [1, 2, 3, 4, 6],
  )
})

test('no text makes the reader throw', () => {
  const piece = fc.constantFrom(
    'A',
    '=',
    '{',
    '}',
    '(',
    '[',
    ']',
    ')',
    "'",
    '"',
    '"""',
    '\\',
    '\n',
    ':',
    ',',
    '1',
    '**',
    '-',
    '#',
    ' ',
  )
  fc.assert(
    fc.property(
      fc.oneof(
        fc.string(),
        fc.array(piece, { maxLength: 60 }).map((all) => all.join('')),
      ),
      (text) => {
        readPython(text)
      },
    ),
  )
  readPython(`A = ${'['.repeat(100_000)}`)
  readPython(`A = ${'-'.repeat(100_000)}1`)
})

test('what JSON writes, Python reads', () => {
  const json = fc.jsonValue({ maxDepth: 3, noUnicodeString: false })
  fc.assert(
    fc.property(json, (value) => {
      const text = JSON.stringify(value).replace(
        /\b(true|false|null)\b(?=(?:[^"]*"[^"]*")*[^"]*$)/g,
        (word) => (word === 'true' ? 'True' : word === 'false' ? 'False' : 'None'),
      )
      assert.equal(JSON.stringify(literal(text)), JSON.stringify(value))
    }),
  )
})

test.run()
