import { readdirSync, readFileSync } from 'node:fs'
import { cpuSeconds } from '../../../proxy/bench/usage.ts'
import { processesOf } from './processes.ts'

export type Usage = {
  readonly cpuSeconds: number
  readonly wakeUps: number
  readonly sent: number
  readonly resent: number
}

const switches = (pid: number): number =>
  readdirSync(`/proc/${pid}/task`).reduce((sum, task) => {
    const status = readFileSync(`/proc/${pid}/task/${task}/status`, 'utf8')
    return sum + Number(/^voluntary_ctxt_switches:\s+(\d+)/m.exec(status)?.[1])
  }, 0)

const ofProcess = (pid: number): readonly [number, number] => {
  try {
    return [cpuSeconds(pid), switches(pid)]
  } catch {
    return [0, 0] // it has ended
  }
}

/** What every process in the network namespace of `holder` has used so far, and the segments that TCP sent there. */
export const usageOf = (holder: number): Usage => {
  const each = processesOf(holder).map(ofProcess)
  const rows = readFileSync(`/proc/${holder}/net/snmp`, 'utf8').match(/^Tcp: .*$/gm)!
  const [names, values] = rows.map((row) => row.split(' '))
  const counter = (name: string): number => Number(values![names!.indexOf(name)])
  return {
    cpuSeconds: each.reduce((sum, [cpu]) => sum + cpu, 0),
    wakeUps: each.reduce((sum, [, count]) => sum + count, 0),
    sent: counter('OutSegs'),
    resent: counter('RetransSegs'),
  }
}
