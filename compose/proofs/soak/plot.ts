import type { Sample } from './samples.ts'

const lines = [
  { of: 'rss', name: 'resident', colour: '#1b1b1b' },
  { of: 'anonymous', name: 'anonymous', colour: '#1f6f54' },
  { of: 'mainHeap', name: 'heap, main thread', colour: '#4c86b8' },
  { of: 'otherHeaps', name: 'heaps, relay threads', colour: '#8e5ea2' },
  { of: 'external', name: 'external', colour: '#c9822b' },
  { of: 'malloc', name: 'malloc and the rest', colour: '#c0392b' },
] as const satisfies readonly { readonly of: keyof Sample; readonly name: string; readonly colour: string }[]

const panel = { width: 760, height: 300, left: 50, top: 40, right: 170, bottom: 40 } as const
const megabyte = 2 ** 20

/** Two samples of each pixel are enough. */
const thinned = (samples: readonly Sample[]): Sample[] => {
  const step = Math.max(1, Math.floor(samples.length / (2 * panel.width)))
  return samples.filter((_, i) => i % step === 0)
}

const panelOf = (name: string, samples: readonly Sample[], y: number): string => {
  const shown = thinned(samples)
  const lasts = Math.max(1, shown.at(-1)?.seconds ?? 1)
  const most = Math.max(1, ...shown.map(({ rss }) => rss / megabyte))
  const wide = panel.width - panel.left - panel.right
  const high = panel.height - panel.top - panel.bottom
  const x = (seconds: number): string => (panel.left + (seconds / lasts) * wide).toFixed(1)
  const at = (mb: number): string => (y + panel.top + high - (mb / most) * high).toFixed(1)
  const drawn = lines.map(({ of, colour }) => {
    const points = shown.map((sample) => `${x(sample.seconds)},${at(sample[of] / megabyte)}`).join(' ')
    return `<polyline points="${points}" fill="none" stroke="${colour}" stroke-width="1.5"/>`
  })
  const legend = lines.map(
    (line, i) =>
      `<text x="${panel.width - panel.right + 10}" y="${y + panel.top + 12 + i * 16}" fill="${line.colour}">${line.name}</text>`,
  )
  const marks = [0, 0.25, 0.5, 0.75, 1].flatMap((part) => [
    `<text x="${panel.left - 6}" y="${at(part * most)}" text-anchor="end">${(part * most).toFixed(0)}</text>`,
    `<text x="${x(part * lasts)}" y="${y + panel.height - 20}" text-anchor="middle">${((part * lasts) / 60).toFixed(1)}</text>`,
  ])
  return [
    `<text x="${panel.left}" y="${y + 22}" font-size="14">${name}: memory, MB, by minutes</text>`,
    `<rect x="${panel.left}" y="${y + panel.top}" width="${wide}" height="${high}" fill="none" stroke="#bbb"/>`,
    ...marks,
    ...drawn,
    ...legend,
  ].join('\n')
}

/** An SVG with the memory of each program by time. */
export const plot = (programs: ReadonlyMap<string, readonly Sample[]>): string => {
  const height = programs.size * panel.height
  const panels = [...programs].map(([name, samples], i) => panelOf(name, samples, i * panel.height))
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${panel.width} ${height}" font-family="sans-serif" font-size="11">
<rect width="${panel.width}" height="${height}" fill="white"/>
${panels.join('\n')}
</svg>
`
}
