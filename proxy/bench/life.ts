import { readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as after } from 'node:timers/promises'
import { lean } from '../app/runtime-flags.ts'
import { type Contestant, type Own, type Running, variant } from './contestants.ts'
import type { Amounts, Job, Measured, Outcome, Part } from './figures.ts'
import { answerOf, startProgram } from './programs.ts'
import { rssBytes } from './usage.ts'

const settleMs = 1_000
const lookMs = 20

export type Life = { readonly measured: Measured; readonly failed: Readonly<Record<string, string>> }

/** Starts a datacenter and a proxy in front of it, and ends both after the work. */
export const withProxy = async <T>(
  contestant: Contestant,
  datacenterPort: number,
  work: (proxy: Running) => Promise<T>,
): Promise<T> => {
  const args = datacenterPort === 0 ? [] : [`${datacenterPort}`]
  await using datacenter = await startProgram('proxy/bench/datacenter.ts', args, {}, import.meta.dirname)
  await using proxy = await contestant.start(datacenter.port)
  return await work(proxy)
}

/** Measures a proxy from a process of its own. */
const loaded = async (
  { pid, port, secret, domain }: Running,
  { modes }: Contestant,
  amounts: Amounts,
  parts: readonly Part[],
): Promise<Outcome> => {
  const job: Job = { pid, port, secret: secret.toString('hex'), domain, modes, amounts, parts }
  return (await answerOf('proxy/bench/load.ts', JSON.stringify(job))) as Outcome
}

/** One process of a contestant. */
export const live = (
  contestant: Contestant,
  amounts: Amounts,
  parts: readonly Part[],
  datacenterPort = 0,
): Promise<Life> =>
  withProxy(contestant, datacenterPort, async (proxy) => {
    // Of the others only the load is of interest: they start without a compile cache (`compose/npm/warm.mjs`).
    if (contestant.fresh) await after(settleMs)
    const startRss = contestant.fresh ? { startRss: rssBytes(proxy.pid) / 1e6 } : {}
    if (parts.length === 0) return { measured: startRss, failed: {} }
    const { measured, failed } = await loaded(proxy, contestant, amounts, parts)
    return { measured: { ...startRss, ...measured, endRss: rssBytes(proxy.pid) / 1e6 }, failed }
  })

/** The sum of messages that `count-messages.ts` has counted in a process. */
const messagesOf = async (pid: number, file: string): Promise<number> => {
  process.kill(pid, 'SIGUSR2')
  for (;;) {
    const text = await readFile(file, 'utf8').catch(() => '')
    if (text.endsWith('\n')) {
      await rm(file)
      return Number(text)
    }
    await after(lookMs)
  }
}

/** Messages between threads per connection, of a process that counts them and in which nothing else is measured. */
const threadMessages = async (own: Own, amounts: Amounts, datacenterPort: number): Promise<Measured> => {
  const file = join(tmpdir(), `mtscope-bench-messages-${process.pid}`)
  const flags = `${lean('').NODE_OPTIONS} --import ${join(import.meta.dirname, 'count-messages.ts')}`
  const counting = variant(own, {
    fresh: false,
    env: { ...own.env, NODE_OPTIONS: flags, MESSAGES_FILE: file },
  })
  return withProxy(counting, datacenterPort, async (proxy) => {
    const before = await messagesOf(proxy.pid, file)
    await loaded(proxy, counting, amounts, ['fresh dd'])
    return { threadMessages: ((await messagesOf(proxy.pid, file)) - before) / amounts.fresh }
  })
}

const ownSettings = (contestant: Contestant): contestant is Own => 'env' in contestant

/** All figures of a contestant, from as many processes as that takes. */
export const measure = async (
  contestant: Contestant,
  amounts: Amounts,
  datacenterPort: number,
): Promise<Life> => {
  const lives: Life[] = []
  if (contestant.fresh) {
    if (ownSettings(contestant)) {
      const one = variant(contestant, { env: { ...contestant.env, WORKERS: '1' } })
      const { startRss = 0 } = (await live(one, amounts, [], datacenterPort)).measured
      const messages = await threadMessages(contestant, amounts, datacenterPort)
      lives.push({ measured: { oneWorkerRss: startRss, ...messages }, failed: {} })
    }
    for (const [mode, part] of [['dd', 'fresh dd'] as const, ['ee+pq', 'fresh ee'] as const])
      if (contestant.modes.includes(mode)) lives.push(await live(contestant, amounts, [part], datacenterPort))
  }
  lives.push(await live(contestant, amounts, contestant.parts, datacenterPort))
  return {
    measured: Object.assign({}, ...lives.map(({ measured }) => measured)),
    failed: Object.assign({}, ...lives.map(({ failed }) => failed)),
  }
}
