import type { Rule } from './rule.ts'

/** Words that docs/style.md replaces, and what to write instead. Matched without regard to case. */
const banned: readonly (readonly [pattern: string, instead: string])[] = [
  ['tells?|told|telling', 'logs, reports, returns, emits'],
  ['says?|said|sayings?', 'logs, reports, answers, states'],
  ['hears?|heard', 'receives, notices'],
  ['nobody|somebody|everybody', 'name the actor: no client, an operator, every user'],
  ['at once', 'immediately, in one list, at the same time'],
  ['for ever|forever', 'without end, permanently'],
  ['anew', 'again, new'],
  ['mends?|mended|mending', 'fixes, repairs'],
  ['beside', 'next to, with'],
  ['heeds?|heeded', 'respects, follows'],
  ['whom', 'rewrite the clause'],
  ['whoever', 'clients that, any process that'],
  ['(?<!there )is no(?! (?:longer|more|less|fewer|later|earlier))', 'is not'],
  ['be it', 'whether'],
  ['in vain', 'without an answer'],
  ['at the door', 'at accept'],
  ['strangers?', 'unauthenticated client, probe'],
  ['(?<!in )facts?', 'event'],
  ['warm sockets?', 'pooled connection'],
  ['holes?', 'gap'],
  ['(?:to|by|of|for|from|with|about|than|and|or|but|as) who', 'a clause needs its noun: clients that'],
]

const pattern = new RegExp(`\\b(?:${banned.map(([word]) => `(${word})`).join('|')})\\b`, 'gi')

/** Shipped contracts, and words of a trade, which keep their names. */
const kept = new RegExp(
  [
    'untoldTo(?:Client|Datacenter)', // fields of connection.closed
    // A value of the label `limit`, counters of the stored state, and a reason of dead letters.
    `(?<quote>['"\`])(?:strangers|facts?|holes(?:\\.told)?)\\k<quote>`,
    '\\blimits\\.strangers\\b', // the same in /api/status
    '\\bstrangers:', // the same value as a key, or in front of its explanation
    '\\bstrangers[_.-]\\w+',
    '\\bsays(?=: states|, advice|: string| \\?\\? )', // a field of doctor --json
    '\\bblack holes?\\b',
  ].join('|'),
  'g',
)

/** The lists of banned words, recorded bytes, the licence, and files that commands write (the rule reads their sources). */
const exempt =
  /^docs\/(?:style|glossary)\.md$|^compose\/test\/house\/(?:words|house\.unit\.test)\.ts$|\/fixtures\/|^dashboards\/out\/|\/(?:RESULTS|FAULTS|DRILL)\.md$|^LICENSE$/

/** `someCamelCase` as `some camel case`, so that names are read as well. */
const split = (text: string): string => text.replace(/([a-z])([A-Z])/g, '$1 $2')

/** Words that docs/style.md replaces, in comments, texts and names. */
export const words: Rule = ({ path, text }) => {
  if (exempt.test(path)) return []
  return text.split('\n').flatMap((line, at) =>
    [...split(line.replace(kept, '')).matchAll(pattern)].map(([word, ...groups]) => {
      const instead = banned[groups.findIndex((group) => group !== undefined)]?.[1] ?? ''
      return `line ${at + 1} has "${word}": ${instead}`
    }),
  )
}
