import type { Value } from './value.ts'

export type Assignment = { readonly name: string; readonly value: Value; readonly line: number }
/** A statement that is not the assignment of a literal. */
export type Unread = { readonly text: string; readonly line: number }

type Token = {
  readonly kind: 'text' | 'number' | 'word' | 'sign' | 'end'
  readonly text: string
  readonly line: number
}

const pattern =
  /(?<space>[ \t\r\f]+|\\\r?\n|#[^\n]*)|(?<newline>\n)|(?<text>[rRuUbB]{0,2}(?:"""[\s\S]*?"""|'''[\s\S]*?'''|"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*'))|(?<number>0[xX][\da-fA-F_]+|\d[\d_]*(?:\.[\d_]*)?(?:[eE][+-]?\d+)?)|(?<word>[A-Za-z_]\w*)|(?<sign>\*\*|[^\s])/gy

/** Newlines within brackets join lines, as Python does. */
const tokensOf = (source: string): Token[] => {
  const tokens: Token[] = []
  let line = 1
  let depth = 0
  pattern.lastIndex = 0
  for (let match = pattern.exec(source); match !== null; match = pattern.exec(source)) {
    const { newline, text, number, word, sign } = match.groups ?? {}
    if (newline !== undefined && depth === 0) tokens.push({ kind: 'end', text: '', line })
    if (text !== undefined) tokens.push({ kind: 'text', text, line })
    if (number !== undefined) tokens.push({ kind: 'number', text: number, line })
    if (word !== undefined) tokens.push({ kind: 'word', text: word, line })
    if (sign !== undefined) {
      if ('([{'.includes(sign)) depth++
      if (')]}'.includes(sign)) depth = Math.max(0, depth - 1)
      tokens.push({ kind: sign === ';' && depth === 0 ? 'end' : 'sign', text: sign, line })
    }
    line += match[0].split('\n').length - 1
  }
  tokens.push({ kind: 'end', text: '', line })
  return tokens
}

const escapes: Readonly<Record<string, string>> = {
  ...{ n: '\n', t: '\t', r: '\r', b: '\b', f: '\f', v: '\v', a: '\x07' },
  ...{ '\n': '', '0': '\0' },
}

const readText = (token: string): string => {
  const start = token.search(/["']/)
  const prefix = token.slice(0, start).toLowerCase()
  const quotes = /^(?:"""|''')/.test(token.slice(start)) ? 3 : 1
  const body = token.slice(start + quotes, -quotes)
  if (prefix.includes('r')) return body
  return body.replace(/\\(?:x([\da-fA-F]{2})|u([\da-fA-F]{4})|([\s\S]))/g, (_all, hex, unicode, one) =>
    one === undefined ? String.fromCharCode(Number.parseInt(hex ?? unicode, 16)) : (escapes[one] ?? one),
  )
}

const words: Readonly<Record<string, Value>> = { True: true, False: false, None: null }

/** Deeper literals are not a configuration. */
const deepest = 32

class NotLiteral extends Error {}

type Cursor = ReturnType<typeof cursorOf>

const cursorOf = (tokens: readonly Token[]) => {
  let at = 0
  const is = (sign: string): boolean => tokens[at]?.kind === 'sign' && tokens[at]?.text === sign
  const take = (sign: string): boolean => {
    const there = is(sign)
    if (there) at++
    return there
  }
  return {
    is,
    take,
    next: (): Token | undefined => tokens[at++],
    /** Texts that follow each other are one. */
    texts: (): string => {
      let text = ''
      for (let token = tokens[at]; token?.kind === 'text'; token = tokens[++at]) text += readText(token.text)
      return text
    },
    ended: (): boolean => at >= tokens.length,
  }
}

const items = (from: Cursor, close: string, depth: number): { list: Value[]; comma: boolean } => {
  const list: Value[] = []
  let comma = false
  while (!from.take(close)) {
    list.push(value(from, depth + 1))
    comma = from.take(',')
    if (!comma && !from.is(close)) throw new NotLiteral()
  }
  return { list, comma }
}

const table = (from: Cursor, depth: number): Value => {
  const entries: [string, Value][] = []
  while (!from.take('}')) {
    const key = value(from, depth + 1)
    if (!from.take(':')) throw new NotLiteral()
    entries.push([String(key), value(from, depth + 1)])
    if (!from.take(',') && !from.is('}')) throw new NotLiteral()
  }
  return Object.fromEntries(entries)
}

const numeric = (read: Value): number => {
  if (typeof read !== 'number') throw new NotLiteral()
  return read
}

const atom = (from: Cursor, depth: number): Value => {
  if (depth > deepest) throw new NotLiteral()
  const token = from.next()
  if (token?.kind === 'number') return Number(token.text.replaceAll('_', ''))
  if (token?.kind === 'word' && Object.hasOwn(words, token.text)) return words[token.text]!
  if (token?.kind === 'text') return readText(token.text) + from.texts()
  if (token?.kind !== 'sign') throw new NotLiteral()
  if (token.text === '-') return -numeric(atom(from, depth + 1))
  if (token.text === '[') return items(from, ']', depth).list
  if (token.text === '{') return table(from, depth)
  if (token.text !== '(') throw new NotLiteral()
  const { list, comma } = items(from, ')', depth)
  return list.length === 1 && !comma ? list[0]! : list
}

const power = (from: Cursor, depth: number): Value => {
  const base = atom(from, depth)
  return from.take('**') ? numeric(base) ** numeric(atom(from, depth)) : base
}

const product = (from: Cursor, depth: number): Value => {
  let left = power(from, depth)
  while (from.take('*')) left = numeric(left) * numeric(power(from, depth))
  return left
}

/** A literal; numbers also as sums and products, as in 10 * 1024 ** 3. */
const value = (from: Cursor, depth: number): Value => {
  let left = product(from, depth)
  for (;;) {
    if (from.take('+')) left = numeric(left) + numeric(product(from, depth))
    else if (from.take('-')) left = numeric(left) - numeric(product(from, depth))
    else return left
  }
}

/** The literal that `tokens` are. Throws NotLiteral. */
const literalOf = (tokens: readonly Token[]): Value => {
  const from = cursorOf(tokens)
  const read = value(from, 0)
  if (!from.ended()) throw new NotLiteral()
  return read
}

const readStatement = (tokens: readonly Token[]): Assignment | null => {
  const [name, equals, ...rest] = tokens
  if (name?.kind !== 'word' || equals?.text !== '=') return null
  try {
    return { name: name.text, value: literalOf(rest), line: name.line }
  } catch (error) {
    if (error instanceof NotLiteral) return null
    throw error
  }
}

/**
 * The assignments `NAME = literal` of a Python file. Runs nothing: any other statement is returned unread. Never throws.
 */
export const readPython = (source: string): { assignments: Assignment[]; unread: Unread[] } => {
  const assignments: Assignment[] = []
  const unread: Unread[] = []
  let statement: Token[] = []
  const lines = source.split('\n')
  for (const token of tokensOf(source.replaceAll('\r\n', '\n'))) {
    if (token.kind !== 'end') {
      statement.push(token)
      continue
    }
    const [first] = statement
    const read = readStatement(statement)
    if (read !== null) assignments.push(read)
    // A text alone is a comment.
    else if (first !== undefined && first.kind !== 'text')
      unread.push({ text: (lines[first.line - 1] ?? '').trim(), line: first.line })
    statement = []
  }
  return { assignments, unread }
}
