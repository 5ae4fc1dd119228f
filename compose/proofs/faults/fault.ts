import type { KafkaConfig } from '../../../proxy/config/config.ts'
import type { Fleet } from '../../test/kit/processes/fleet.ts'
import type { Appliance } from '../../test/kit/processes/harness.ts'
import type { LargeFleet, LargeKind } from './large-fleet.ts'

/** What a fault may use. A `scale` below 1 shortens it and repeats it less often. */
export type Scene = {
  readonly fleet: Fleet
  readonly scale: number
  /** The servers of a fault with `large`. */
  readonly large: LargeFleet | null
  readonly kafka: KafkaConfig
  /** The forwarder between proxies and broker. */
  readonly forwarder: { swallow(): void; restore(): void }
  /** Sets the clocks of the proxies ahead by `seconds`; only for a fault with `clock`. */
  setClock(seconds: number): void
  /** Counts the events of the topic before the fault deletes it. */
  countTopic(): Promise<void>
  /** Makes the other Redis the master; the common address then leads to it. */
  failOver(): Promise<void>
  /** Failures of this proxy's clients do not count from now on. */
  excuse(proxy: Appliance): void
}

export type Fault = {
  readonly name: string
  readonly strike: (scene: Scene) => Promise<void>
  /** Bytes of the disk under each proxy's event log. */
  readonly disk?: number
  readonly env?: Readonly<Record<string, string>>
  /** The proxies have clocks that can be set. A wrong clock rightly refuses fake TLS, so the load has no such clients. */
  readonly clock?: true
  /** More datacenters than 2; the load does not use them. */
  readonly datacenters?: readonly number[]
  /** The last topic lacks events that were folded: the recount compares totals, not the bytes of the state. */
  readonly newTopic?: true
  /** Three brokers and several Redis servers, all with TLS and a login, instead of one of each. */
  readonly large?: LargeKind
  /** New connections a second, instead of the usual rate. */
  readonly perSecond?: number
}
