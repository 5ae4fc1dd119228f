import { readFileSync } from 'node:fs'

/** TCP segments that the network namespace of process `pid` has sent, and those of them that it sent again. */
export const segmentsOf = (pid: number): { readonly sent: number; readonly resent: number } => {
  const rows = readFileSync(`/proc/${pid}/net/snmp`, 'utf8').match(/^Tcp: .*$/gm)!
  const [names, values] = rows.map((row) => row.split(' '))
  const counter = (name: string): number => Number(values![names!.indexOf(name)])
  return { sent: counter('OutSegs'), resent: counter('RetransSegs') }
}
