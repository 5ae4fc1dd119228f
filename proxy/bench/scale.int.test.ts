import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { curves } from './curves.ts'
import { scaled } from './scale.ts'
import { type ScaleRun, scalePlot, scaleReport } from './scale-report.ts'

test('each number of open connections gets its figures, and silent clients push out no client', async () => {
  const amounts = { steps: [20, 60], perSecond: 200, seconds: 0.2 }
  const { steps, flooded } = await scaled(1, amounts, { perSecond: 1_000, seconds: 1 })
  assert.equal(
    steps.map(({ connections }) => connections),
    [20, 60],
  )
  for (const { p50, p99, cpuShare, rss } of steps)
    assert.ok(p50 > 0 && p50 <= p99 && cpuShare > 0 && rss > 20e6, JSON.stringify(steps))
  assert.ok(flooded)
  assert.ok(flooded.connected > 0 && flooded.perSecond > 0)
  assert.equal([flooded.inside, flooded.lost, flooded.served], [60, 0, flooded.newcomers])
})

const step = (connections: number, cpuShare: number) => ({ connections, cpuShare, p50: 1, p99: 2, rss: 90e6 })
const run: ScaleRun = {
  command: 'x',
  measured: 'Measured now.',
  rounds: 3,
  seconds: 61,
  perSecond: 1_000,
  results: new Map([[1, [0.1, 0.3, 0.2].map((share) => [step(100, share), step(200, share * 2)])]]),
  floods: [],
  leftOut: [9_500],
}

test('the report has the median of the rounds and what was left out', () => {
  const lines = scaleReport(run).split('\n')
  assert.ok(lines.includes('| 1 thread | 100 | 20.0 | 1.00 | 2.00 | 90 |'))
  assert.ok(lines.includes('| 1 thread | 200 | 40.0 | 1.00 | 2.00 | 90 |'))
  assert.match(lines.join('\n'), /Too few file descriptors \(`ulimit -n`\) for 9500\./)
})

test('a chart has a curve for each line, inside of its frame', () => {
  const points = [...scalePlot(run).matchAll(/points="([^"]+)"/g)].map(([, text = '']) =>
    text.split(' ').map((point) => point.split(',').map(Number)),
  )
  assert.is(points.length, 3)
  for (const [i, curve] of points.entries())
    for (const [x = Number.NaN, y = Number.NaN] of curve)
      assert.ok(x >= i * 330 + 50 && x <= i * 330 + 310 && y >= 40 && y <= 200, `${x}, ${y}`)
})

test('a larger value stands higher and further to the right', () => {
  const svg = curves([
    {
      title: 'a',
      below: 'b',
      lines: [
        {
          name: 'c',
          points: [
            [0, 0],
            [4, 40],
          ],
        },
      ],
    },
  ])
  assert.match(svg, /points="50\.0,200\.0 310\.0,40\.0"/)
})

test.run()
