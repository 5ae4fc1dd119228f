import { type Import, importsOf, isTest, type Source } from '../sources/imports.ts'
import type { Rule } from './rule.ts'

const ours = /^(?:proxy|collector|dashboards|redis|compose)\//
const under = (...folders: string[]): RegExp => new RegExp(`^(?:${folders.join('|')})/`)

type Direction = {
  readonly of: RegExp
  /** Whether a file there may import this. */
  readonly may: (found: Import) => boolean
  readonly because: string
}

const sockets =
  /^node:(?:net|tls|dgram|http|https|http2|dns|fs|worker_threads|timers|child_process|sqlite)(?:\/|$)/

const directions: readonly Direction[] = [
  {
    of: under('proxy'),
    may: ({ target }) => !under('collector', 'dashboards', 'compose').test(target),
    because: 'proxy, the first step of the path, imports no later one',
  },
  {
    of: under('proxy/events'),
    may: ({ target }) => !ours.test(target) || under('proxy/events').test(target),
    because: 'proxy/events imports only itself',
  },
  {
    of: under('proxy/wire'),
    may: ({ target, typeOnly }) => {
      if (sockets.test(target) || target.startsWith('@opentelemetry/')) return false
      return !ours.test(target) || under('proxy/wire').test(target) || typeOnly
    },
    because: 'proxy/wire has no socket, file or thread',
  },
  {
    of: under('proxy/relay'),
    may: ({ target }) => !target.startsWith('@opentelemetry/'),
    because: 'proxy/relay must not load OpenTelemetry',
  },
  {
    of: /^collector\/(?!main\.ts|commands\/)/,
    may: ({ target, typeOnly }) =>
      !ours.test(target) ||
      under('collector', 'redis', 'proxy/events', 'proxy/event-log', 'proxy/kafka', 'proxy/redis').test(
        target,
      ) ||
      target === 'proxy/wire/datacenter-number.ts' ||
      typeOnly,
    because: 'of the proxy the collector may import events, event-log, kafka and redis',
  },
  {
    of: under('dashboards'),
    may: ({ target }) =>
      !ours.test(target) ||
      under('dashboards').test(target) ||
      /\/(?:metrics|outcome|[\w-]*catalogue)\.ts$/.test(target) ||
      target === 'collector/alerts/rules/rules.ts',
    because: 'dashboards may import only metric catalogues, alert rules and proxy/events/outcome.ts',
  },
]

/** Opens the browser for tests and screenshots of the status page. */
const browser = 'compose/test/kit/page/chromium.ts'

/** Imports that point forward along the path. Tests and benchmarks may import everything. */
export const direction: Rule = (source) =>
  isTest(source) || source.path.endsWith('.bench.ts') || source.path === browser
    ? []
    : directions
        .filter(({ of }) => of.test(source.path))
        .flatMap(({ may, because }) =>
          importsOf(source)
            .filter((found) => !may(found))
            .map(({ target }) => `imports ${target}, but ${because}`),
        )

const clocks =
  /\b(?:Date\.now|new Date|performance\.now|process\.hrtime|setTimeout|setInterval|setImmediate|console)\b/g

/** Code in proxy/wire that reads a clock, sets a timer or logs. */
export const purity: Rule = (source: Source) =>
  /^proxy\/wire\//.test(source.path) && !isTest(source) && !source.path.endsWith('.bench.ts')
    ? [...source.text.matchAll(clocks)].map(
        ([word]) => `uses ${word}, but proxy/wire has no clock, timer or output`,
      )
    : []
