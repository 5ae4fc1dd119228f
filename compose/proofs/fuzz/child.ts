import { openSync, writeSync } from 'node:fs'
import { setTimeout } from 'node:timers/promises'
import { caseSeed, randomOf } from './random.ts'
import type { Opened, Target } from './target.ts'
import { type Resources, resources, type Tried, tryInput } from './try.ts'

// Runs cases of one target in a process of its own, so that a crash ends nothing else.

export type Order = {
  /** The module that exports `targets`. */
  readonly module: string
  readonly target: string
  readonly seed: number
  readonly from: number
  readonly to: number
  /** Longest time of one case, ms. */
  readonly wedgedMs: number
  /** Epoch ms after which no case begins. */
  readonly until: number
  /** Holds the numbers of the running cases, 1 for the first, when the process has died. */
  readonly progress: string
}

export type Report =
  | {
      readonly type: 'failed'
      readonly seed: number
      readonly input: string
      readonly tried: Tried & { kind: string }
    }
  | { readonly type: 'new'; readonly outcome: string; readonly input: string }
  | { readonly type: 'done'; readonly cases: number; readonly figures: Figures }
  | { readonly type: 'bye' }

export type Figures = Readonly<Record<'before' | 'after', Resources>>

/** Cases until memory and descriptors are as they stay. */
const warmUp = (cases: number): number => Math.min(cases / 4, 20_000)

/** Resources when no more descriptors are open than `before`, or after so long: the far ends of closed sockets take a moment. */
const settled = async (before: number, mostMs: number): Promise<Resources> => {
  let now = resources()
  for (let leftMs = mostMs; leftMs > 0 && now.descriptors > before; leftMs -= 100) {
    await setTimeout(100)
    now = resources()
  }
  return now
}

const runOrder = async (order: Order, target: Target, report: (report: Report) => void): Promise<void> => {
  const opened: Opened = await target.open()
  const together = target.together ?? 1
  const running = new Uint32Array(together)
  const file = openSync(order.progress, 'w')
  const seen = new Set<string>()
  let before = resources()
  let next = order.from
  let ended = 0
  const runSome = async (slot: number, end: number): Promise<void> => {
    while (next < end && Date.now() < order.until) {
      const index = next++
      running[slot] = index + 1
      writeSync(file, running, 0, running.byteLength, 0)
      const seed = caseSeed(order.seed, target.name, index)
      const input = opened.make(randomOf(seed))
      const tried = await tryInput(opened, input, order.wedgedMs)
      ended++
      if ('kind' in tried) report({ type: 'failed', seed, input: input.toString('base64'), tried })
      else if (!seen.has(tried.outcome)) {
        seen.add(tried.outcome)
        report({ type: 'new', outcome: tried.outcome, input: input.toString('base64') })
      }
    }
    running[slot] = 0
  }
  const runAll = (end: number): Promise<unknown> =>
    Promise.all(Array.from({ length: together }, (_, slot) => runSome(slot, end)))
  await runAll(order.from + warmUp(order.to - order.from))
  before = resources()
  await runAll(order.to)
  const after = await settled(before.descriptors, Math.min(10_000, order.wedgedMs))
  await opened.close?.()
  report({ type: 'done', cases: ended, figures: { before, after } })
}

const report = (message: Report): void => void process.send?.(message)

const obey = async (order: Order): Promise<void> => {
  const { targets } = (await import(order.module)) as { targets: readonly Target[] }
  const target = targets.find(({ name }) => name === order.target)
  if (target === undefined) throw new Error(`no target ${order.target}`)
  await runOrder(order, target, report)
}

process.on('disconnect', () => process.exit())
process.once('message', (order: Order) => {
  obey(order).then(
    // After the last report has been sent. Node 26.10 may hang where it frees the rest by itself.
    () => process.send?.({ type: 'bye' }, () => process.exit(0)),
    (error: unknown) => {
      process.stderr.write(`${error instanceof Error ? (error.stack ?? error.message) : error}\n`)
      process.exit(1)
    },
  )
})
