import type { Source } from '../sources/imports.ts'
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
  ['is no', 'is not'],
  ['be it', 'whether'],
  ['in vain', 'without an answer'],
  ['at the door', 'at accept'],
  ['strangers?', 'unauthenticated client, probe'],
  ['facts?', 'event'],
  ['warm sockets?', 'pooled connection'],
  ['holes?', 'gap'],
  ['(?:to|by|of|for|from|with|about|than|and|or|but|as) who', 'a clause needs its noun: clients that'],
]

const pattern = new RegExp(`\\b(?:${banned.map(([word]) => `(${word})`).join('|')})\\b`, 'gi')

/** Names of shipped contracts: events, metrics, settings and files keep them. */
const contracts =
  /\b(?:untoldTo(?:Client|Datacenter)|'strangers'|"strangers"|`strangers`|limit="strangers"|strangers[_.-]\w+|black hole)\b|'strangers'|`strangers`/g

/** Documents that list the banned words, and texts of others. */
const exempt =
  /^docs\/(?:style|glossary)\.md$|^compose\/test\/house\/|\/fixtures\/|^dashboards\/out\/|^LICENSE$/

/** `someCamelCase` as `some camel case`, so that names are read as well. */
const split = (text: string): string => text.replace(/([a-z])([A-Z])/g, '$1 $2')

/** What stands in `text` although docs/style.md replaces it. */
export const words: Rule = ({ path, text }: Source) => {
  if (exempt.test(path)) return []
  return text.split('\n').flatMap((line, at) =>
    [...split(line.replace(contracts, '')).matchAll(pattern)].map(([word, ...groups]) => {
      const instead = banned[groups.findIndex((group) => group !== undefined)]?.[1] ?? ''
      return `line ${at + 1} has "${word}": ${instead}`
    }),
  )
}
