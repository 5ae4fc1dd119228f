// Line charts as SVG, several in one file.

export type Line = { readonly name: string; readonly points: readonly (readonly [x: number, y: number])[] }
export type Chart = { readonly title: string; readonly below: string; readonly lines: readonly Line[] }

const chart = { width: 330, height: 250, left: 50, right: 20, top: 40, bottom: 50 } as const
const colours = ['#1f6f54', '#4c86b8', '#c9822b', '#8e5ea2']
const steps = 4

/** The smallest of 1, 2, 2.5, 5 and 10 times a power of ten, from which on `steps` steps reach `most`. */
const stepFor = (most: number): number => {
  const size = 10 ** Math.floor(Math.log10(most / steps))
  return [1, 2, 2.5, 5, 10].map((part) => part * size).find((step) => step * steps >= most * 0.999) ?? most
}

const text = (x: number, y: number, content: string, more = ''): string =>
  `<text x="${x.toFixed(1)}" y="${y.toFixed(1)}"${more}>${content}</text>`

const drawn = ({ title, below, lines }: Chart, offset: number): string => {
  const all = lines.flatMap(({ points }) => points)
  const step = [0, 1].map((axis) => stepFor(Math.max(1e-9, ...all.map((point) => point[axis]!))))
  const [wide, high] = [chart.width - chart.left - chart.right, chart.height - chart.top - chart.bottom]
  const x = (value: number): number => offset + chart.left + (value / (step[0]! * steps)) * wide
  const y = (value: number): number => chart.top + high - (value / (step[1]! * steps)) * high
  const grid = Array.from({ length: steps + 1 }, (_, i) => [i * step[0]!, i * step[1]!] as const).flatMap(
    ([across, up]) => [
      `<path d="M${x(0).toFixed(1)} ${y(up).toFixed(1)}h${wide}" stroke="#ddd"/>`,
      text(x(0) - 5, y(up) + 4, `${+up.toPrecision(3)}`, ' text-anchor="end"'),
      text(x(across), y(0) + 15, `${+across.toPrecision(3)}`, ' text-anchor="middle"'),
    ],
  )
  const curves = lines.map(({ name, points }, i) => {
    const colour = colours[i % colours.length]
    const at = points.map(([across, up]) => `${x(across).toFixed(1)},${y(up).toFixed(1)}`)
    const legend = text(x(0) + i * 90, chart.height - 4, name, ` fill="${colour}"`)
    return `<polyline points="${at.join(' ')}" fill="none" stroke="${colour}" stroke-width="2"/>${legend}`
  })
  return [text(x(0), 24, title, ' font-size="13"'), ...grid, ...curves, text(x(0), y(0) + 30, below)].join(
    '\n',
  )
}

/** Charts next to each other. Names and titles are written as they are: no markup characters. */
export const curves = (charts: readonly Chart[]): string => {
  const width = charts.length * chart.width
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${chart.height}" font-family="sans-serif" font-size="11">
<rect width="${width}" height="${chart.height}" fill="white"/>
${charts.map((one, i) => drawn(one, i * chart.width)).join('\n')}
</svg>
`
}
