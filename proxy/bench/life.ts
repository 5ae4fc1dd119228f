import { randomBytes } from 'node:crypto'
import { answerOf, type Contestant, startContestant, startProgram } from './contestants.ts'
import type { Amounts, Job, Measured, Part } from './figures.ts'

/** Starts a proxy with a datacenter of its own, measures it from a third process, and ends both. */
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
  return (await answerOf('proxy/bench/load.ts', JSON.stringify(job))) as Measured
}
