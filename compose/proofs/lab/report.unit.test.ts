import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { noSamples, type Samples } from './figures.ts'
import { floorOf } from './floors.ts'
import { drawn } from './plot.ts'
import { document, joined, type Outcome, quantile } from './report.ts'
import { scenarios } from './scenarios.ts'
import { order } from './sides.ts'

const scenario = scenarios[0]!
const samples = (some: Partial<Samples>): Samples => ({ ...noSamples(), ...some })
const outcome: Outcome = {
  scenario,
  sides: new Map([
    ['un-tuned', samples({ connectDd: [100, 120, 140], loaded: [100], failed: [0] })],
    ['tuned', samples({ connectDd: [80, 90, 99], loaded: [64.5], failed: [2] })],
    ['BBR', null],
  ]),
  emulated: {
    realtime: true,
    lateMs: { p50: 0.02, p99: 0.5, most: 9 },
    lanes: {} as NonNullable<Outcome['emulated']>['lanes'],
  },
}

test('a path sets a limit for each figure', () => {
  const { connectDd, connectEe, idle, silent, one, resent, cpu } = floorOf(scenario.path)
  assert.equal([connectDd, connectEe, idle, resent, cpu], [80, 100, 60, 0, null])
  assert.is(silent?.toFixed(1), '81.7')
  assert.is(one?.toFixed(1), '96.5')
})

test('the report shows quantiles next to the limit, changes in percent, failures and what is missing', () => {
  const text = document([outcome], 'Measured now.', 20, ['a.svg'])
  const lines = text.split('\n')
  const starts = (begin: string): string => lines.find((line) => line.startsWith(begin)) ?? begin
  assert.match(starts('| *physical limit*'), '| *physical limit* | 80 | 100 | 60.0 | 60 |')
  assert.match(starts('| un-tuned |'), '| un-tuned | 120 / 140 / 140 | – | – | 100 / 100 |')
  assert.match(starts('| tuned (2 failed)'), '| 90 / 99 / 99 |')
  assert.match(text, '| BBR | not measured: this kernel offers no bbr |')
  assert.ok(lines.includes('| tuned | -25 % |'))
  assert.ok(lines.includes('| tuned | -36 % |'))
  assert.match(text, 'p50 0.02 ms, p99 0.50 ms, at most 9.00 ms.')
  assert.match(text, '![a.svg](a.svg)')
})

test('samples of a second turn are added', () => {
  const both = joined(samples({ idle: [1] }), samples({ idle: [2, 3] }))
  assert.equal(both.idle, [1, 2, 3])
  assert.is(quantile(both.idle, 0.5), 2)
})

test('a plot has a bar for each measured side', () => {
  const plots = drawn([outcome])
  assert.equal([...plots.keys()].length, 4)
  const svg = plots.get('loaded.svg') ?? ''
  assert.is(svg.match(/<rect x/g)?.length, 2)
  assert.match(svg, '>BBR</text>')
})

test('un-tuned and tuned take turns at both ends, and another proxy with them', () => {
  const names = order({ command: 'x', port: 1, secret: '' }).map(({ name }) => name)
  assert.equal(names.slice(0, 3), ['un-tuned', 'tuned', 'against'])
  assert.equal(names.slice(-3), ['against', 'tuned', 'un-tuned'])
  assert.equal(
    order(null).filter(({ name }) => name === 'against'),
    [],
  )
  const pool = order(null).find(({ name }) => name === 'pool')?.runs
  assert.equal(Object.keys(pool !== undefined && 'env' in pool ? pool.env : {}), [
    'TCP_CONGESTION',
    'TCP_NOTSENT_LOWAT',
    'FAST_MODE',
    'TO_CLT_BUFSIZE',
    'TO_TG_BUFSIZE',
  ])
})

test.run()
