import type { Link } from './lane.ts'
import type { Lateness } from './lateness.ts'

/** The two links between client, proxy and datacenter. */
export type Path = { readonly client: Link; readonly datacenter: Link }

/** A process in each namespace. */
export type Ends = { readonly client: number; readonly proxy: number; readonly datacenter: number }
export type End = keyof Ends

/** The network interface at both ends of each link. */
export const interfaces = { client: 'lab0', datacenter: 'lab1' } as const

/** Packets of one direction: passed on, lost as asked for, dropped at the full buffer, refused by the kernel of the far end. */
export type LaneCounts = { passed: number; bytes: number; lost: number; full: number; refused: number }

export type Emulated = {
  /** Whether the emulator ran with real-time priority. */
  readonly realtime: boolean
  readonly lanes: Readonly<
    Record<'clientUp' | 'clientDown' | 'datacenterUp' | 'datacenterDown', Readonly<LaneCounts>>
  >
  /** How late packets were passed on. */
  readonly lateMs: Lateness
}
