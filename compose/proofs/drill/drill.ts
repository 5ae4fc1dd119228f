import type { RuleName } from '../../../collector/alerts/rules/rules.ts'
import type { System } from './sink.ts'
import type { World } from './world.ts'

/** An alert of one of the two systems, with any subject if none is given. */
export type Alert = { readonly system: System; readonly name: string; readonly subject?: string }

/** An alert that the fault must raise. */
export type Must = Alert & {
  /** The drill does not wait until it clears: its window takes hours. */
  readonly long?: true
}
/** An alert that may fire as well, for it is true during the fault. */
export type May = Alert & { readonly because: string }

export type Drill = {
  readonly name: string
  /** Environment of the proxies. */
  readonly env?: Readonly<Record<string, string>>
  /** The proxies have the upstream `backup` next to `direct`, through `world.socks`. */
  readonly backup?: true
  /** The proxies reach datacenters through middle proxies, one for each datacenter. */
  readonly middleProxies?: true
  /** Seconds without a fault before it begins: some rules need a baseline. */
  readonly quietSeconds?: number
  /** Least time to watch, seconds; by default 30 if no alert must fire, else 0. */
  readonly watch?: number
  /** Uses the whole machine: no other drill runs at the same time. */
  readonly alone?: true
  /** Begins the fault. The returned function ends it and is always called; null if the fault is over already. */
  readonly strike: (world: World) => Promise<(() => Promise<void> | void) | null>
  readonly fires: readonly Must[]
  readonly follows?: readonly May[]
}

export const collector = (name: RuleName, subject?: string): Must =>
  subject === undefined ? { system: 'collector', name } : { system: 'collector', name, subject }
export const prometheus = (name: string, subject?: string): Must =>
  subject === undefined ? { system: 'prometheus', name } : { system: 'prometheus', name, subject }
/** Subject of a Prometheus alert about datacenter `dc`, as `node` measures it. */
export const route = (node: string, dc: number): string => `dc=${dc} family=ipv4 instance=${node} media=false`

export const isOf = (alert: Alert, { system, name, subject }: Alert): boolean =>
  alert.system === system && alert.name === name && (alert.subject === undefined || alert.subject === subject)
