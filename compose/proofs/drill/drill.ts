import type { RuleName } from '../../../collector/alerts/rules/rules.ts'
import type { System } from './sink.ts'
import type { World } from './world.ts'

/** An alert of one of the systems; of any subject where none is named. */
export type Alert = { readonly system: System; readonly name: string; readonly subject?: string }

/** One that a fault must raise. */
export type Must = Alert & {
  /** Its end is not waited for: the window that has to pass is hours long. */
  readonly long?: true
}
/** One that may be up, too, since what it says is then so. */
export type May = Alert & { readonly because: string }

export type Drill = {
  readonly name: string
  /** For the proxies of its world. */
  readonly env?: Readonly<Record<string, string>>
  /** How long nothing is wrong before, seconds of drill time: some rules need to know what is usual. */
  readonly quietSeconds?: number
  /** How long to watch at least, seconds; half a minute where nothing must fire. */
  readonly watch?: number
  /** Takes the machine: no other drill runs meanwhile. */
  readonly alone?: true
  /** Begins the fault; what it returns ends it, and is called in any case. Null: it is over already. */
  readonly strike: (world: World) => Promise<(() => Promise<void> | void) | null>
  readonly fires: readonly Must[]
  readonly follows?: readonly May[]
}

export const collector = (name: RuleName, subject?: string): Must =>
  subject === undefined ? { system: 'collector', name } : { system: 'collector', name, subject }
export const prometheus = (name: string, subject?: string): Must =>
  subject === undefined ? { system: 'prometheus', name } : { system: 'prometheus', name, subject }
/** `media` and the rest of the labels of a datacenter's series at a node. */
export const route = (node: string, dc: number): string => `dc=${dc} family=ipv4 instance=${node} media=false`

export const isOf = (alert: Alert, { system, name, subject }: Alert): boolean =>
  alert.system === system && alert.name === name && (alert.subject === undefined || alert.subject === subject)
