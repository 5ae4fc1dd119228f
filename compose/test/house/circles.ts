import { importsOf, isTest, type Source } from '../sources/imports.ts'

type Graph = ReadonlyMap<string, ReadonlySet<string>>

/** The child of `folder` that is or contains `path`: a file, or a folder directly below. Null outside of the folder. */
const childOf = (folder: string, path: string): string | null => {
  if (!path.startsWith(folder)) return null
  const rest = path.slice(folder.length)
  const slash = rest.indexOf('/')
  return slash < 0 ? path : folder + rest.slice(0, slash)
}

/** The strongly connected components with more than one node. Tarjan's algorithm. */
export const circlesOf = (graph: Graph): readonly (readonly string[])[] => {
  const order = new Map<string, number>()
  const lowest = new Map<string, number>()
  const stack: string[] = []
  const found: string[][] = []
  const visit = (node: string): number => {
    const index = order.size
    order.set(node, index)
    stack.push(node)
    let low = index
    for (const next of graph.get(node) ?? []) {
      if (!order.has(next)) low = Math.min(low, visit(next))
      else if (stack.includes(next)) low = Math.min(low, lowest.get(next) ?? order.get(next)!)
    }
    lowest.set(node, low)
    if (low === index) {
      const group = stack.splice(stack.indexOf(node))
      if (group.length > 1) found.push(group.sort())
    }
    return low
  }
  for (const node of graph.keys()) if (!order.has(node)) visit(node)
  return found
}

/**
 * Import circles of the tree, type imports included, without tests and benchmarks: at each level, between the files and
 * folders of one folder. This finds circles of files within a folder and circles of folders.
 */
export const circles = (sources: readonly Source[]): readonly string[] => {
  const code = sources.filter((source) => !isTest(source) && !source.path.endsWith('.bench.ts'))
  const edges = code.flatMap((source) =>
    importsOf(source).map(({ target }) => [source.path, target] as const),
  )
  const folders = new Set([''])
  for (const { path } of code)
    for (let at = path.indexOf('/'); at >= 0; at = path.indexOf('/', at + 1))
      folders.add(path.slice(0, at + 1))
  return [...folders].flatMap((folder) => {
    const graph = new Map<string, Set<string>>()
    for (const [from, to] of edges) {
      const [near, far] = [childOf(folder, from), childOf(folder, to)]
      if (near === null || far === null || near === far) continue
      graph.set(near, (graph.get(near) ?? new Set()).add(far))
    }
    return circlesOf(graph).map((group) => `${folder || '.'}: ${group.join(' ↔ ')}`)
  })
}
