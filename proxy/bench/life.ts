import { randomBytes } from 'node:crypto'
import { setTimeout as after } from 'node:timers/promises'
import { answerOf, type Contestant, startContestant, startProgram } from './contestants.ts'
import type { Amounts, Job, Measured, Part } from './figures.ts'
import { rssBytes } from './usage.ts'

const settleMs = 1_000

/** Memory before the first client, of the appliance only: the others start without a compile cache (`compose/npm/warm.mjs`). */
const atStart = async ({ program }: Contestant, pid: number): Promise<Measured> => {
  if (program !== 'compose/appliance.ts') return {}
  await after(settleMs)
  return { startRss: rssBytes(pid) / 1e6 }
}

/** Starts a proxy and a datacenter, measures the proxy from a third process, and ends both. */
export const live = async (
  contestant: Contestant,
  amounts: Amounts,
  parts: readonly Part[],
): Promise<Measured> => {
  await using datacenter = await startProgram('proxy/bench/datacenter.ts', [], {}, import.meta.dirname)
  const secret = randomBytes(16).toString('hex')
  await using proxy = await startContestant(contestant, datacenter.port, secret)
  const { pid, port } = proxy
  const job: Job = { pid, port, secret, proxy: contestant.proxy, amounts, parts }
  const before = await atStart(contestant, pid)
  const measured = (await answerOf('proxy/bench/load.ts', JSON.stringify(job))) as Measured
  return { ...before, ...measured, endRss: rssBytes(pid) / 1e6 }
}
