import { verdicts } from '../telemetry/catalogue/finding-catalogue.ts'
import { areaOf, type Finding, type Verdict } from './finding.ts'

const colours: Readonly<Record<Verdict, string>> = {
  ok: '\x1b[32m',
  note: '\x1b[36m',
  warn: '\x1b[33m',
  fail: '\x1b[31m',
  unknown: '\x1b[2m',
}
const plain = '\x1b[0m'

/** Breaks at spaces, so that lines fit the terminal. */
const wrapped = (text: string, width: number): string[] => {
  const lines = ['']
  for (const word of text.split(' ')) {
    const last = lines.at(-1) ?? ''
    if (last !== '' && last.length + 1 + word.length > width) lines.push(word)
    else lines[lines.length - 1] = last === '' ? word : `${last} ${word}`
  }
  return lines
}

export const countsOf = (findings: readonly Finding[]): Readonly<Record<Verdict, number>> => {
  const counts: Record<Verdict, number> = { ok: 0, note: 0, warn: 0, fail: 0, unknown: 0 }
  for (const { verdict } of findings) counts[verdict]++
  return counts
}

const sums = (findings: readonly Finding[]): string => {
  const counts = countsOf(findings)
  return verdicts
    .filter((verdict) => counts[verdict] > 0)
    .map((verdict) => `${counts[verdict]} ${verdict}`)
    .join(', ')
}

/** Findings as text: grouped by area, with the advice below each sentence. Details only with `all`. */
export const table = (
  findings: readonly Finding[],
  options: { readonly colour: boolean; readonly width: number; readonly all: boolean },
): string => {
  const { colour, width, all } = options
  const shown = findings.filter(({ detail }) => all || !detail)
  const areaWidth = Math.max(...shown.map((one) => areaOf(one).length), 0)
  const verdictWidth = 7
  const indent = ' '.repeat(areaWidth + verdictWidth + 4)
  const room = Math.max(width - indent.length, 30)
  const lines: string[] = []
  let last = ''
  for (const one of shown) {
    const area = areaOf(one)
    const name = (area === last ? '' : area).padEnd(areaWidth)
    const verdict = one.verdict.padEnd(verdictWidth)
    const [first, ...rest] = wrapped(one.states, room)
    lines.push(`${name}  ${colour ? `${colours[one.verdict]}${verdict}${plain}` : verdict}  ${first}`)
    lines.push(...rest.map((line) => indent + line))
    if (one.advice !== null) {
      lines.push(
        ...wrapped(one.advice, room - 3).map((line, at) => `${indent}${at === 0 ? '→  ' : '   '}${line}`),
      )
    }
    last = area
  }
  const hidden = findings.length - shown.length
  return `${lines.join('\n')}\n\n${sums(findings)}${hidden > 0 ? ` (--all shows ${hidden} more)` : ''}\n`
}
