import type { Sample } from './figures.ts'
import { floorOf } from './floors.ts'
import { type Outcome, quantile } from './report.ts'

const plots = [
  { file: 'connect.svg', of: 'connectEe', title: 'Connect to first answer, ee, p50, ms' },
  { file: 'loaded.svg', of: 'loaded', title: 'Message during a download, p50, ms' },
  { file: 'silent.svg', of: 'silent', title: '256 KiB after three seconds of silence, p50, ms' },
  { file: 'one.svg', of: 'one', title: 'One download, Mbit/s' },
] as const satisfies readonly { readonly file: string; readonly of: Sample; readonly title: string }[]

const panel = { width: 330, left: 150, bar: 13, gap: 4, top: 24 } as const
const columns = 3

const text = (x: number, y: number, content: string, more = ''): string =>
  `<text x="${x.toFixed(1)}" y="${y.toFixed(1)}" ${more}>${content}</text>`

/** One scenario: a bar for each side, and a line where the path sets the limit. */
const panelOf = (outcome: Outcome, of: Sample, x: number, y: number): string => {
  const bars = [...outcome.sides].map(([name, samples]) => ({
    name,
    value: samples === null ? Number.NaN : quantile(samples[of], 0.5),
  }))
  const floor = floorOf(outcome.scenario.path)[of] ?? 0
  const most = Math.max(floor, ...bars.map(({ value }) => value || 0))
  const room = panel.width - panel.left - 50
  const long = (value: number): number => (value / most) * room
  const step = panel.bar + panel.gap
  const lines = bars.map(({ name, value }, i) => {
    const at = y + panel.top + i * step
    const label = text(x + panel.left - 6, at + 10, name, 'text-anchor="end"')
    if (Number.isNaN(value)) return label
    const fill = name === 'un-tuned' ? '#9a9a9a' : name.startsWith('tuned') ? '#1f6f54' : '#4c86b8'
    return `${label}<rect x="${x + panel.left}" y="${at}" width="${long(value).toFixed(1)}" height="${panel.bar}" fill="${fill}"/>${text(x + panel.left + long(value) + 4, at + 10, value.toFixed(0))}`
  })
  const at = (x + panel.left + long(floor)).toFixed(1)
  const end = y + panel.top + bars.length * step
  return [
    text(x + panel.left, y + 14, outcome.scenario.name, 'font-weight="bold"'),
    ...lines,
    `<line x1="${at}" x2="${at}" y1="${y + panel.top - 3}" y2="${end}" stroke="#c0392b" stroke-dasharray="3 2"/>`,
  ].join('\n')
}

/** The SVG files of a run by name. */
export const drawn = (outcomes: readonly Outcome[]): ReadonlyMap<string, string> =>
  new Map(
    plots.map(({ file, of, title }) => {
      const most = Math.max(...outcomes.map(({ sides }) => sides.size))
      const high = panel.top + most * (panel.bar + panel.gap) + 16
      const [width, height] = [columns * panel.width, 50 + Math.ceil(outcomes.length / columns) * high]
      const panels = outcomes.map((outcome, i) =>
        panelOf(outcome, of, (i % columns) * panel.width, 40 + Math.floor(i / columns) * high),
      )
      return [
        file,
        `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" font-family="sans-serif" font-size="10">
<title>${title}</title>
<rect width="${width}" height="${height}" fill="white"/>
${text(10, 20, `${title}; dashed: physical limit`, 'font-size="14"')}
${panels.join('\n')}
</svg>
`,
      ]
    }),
  )
