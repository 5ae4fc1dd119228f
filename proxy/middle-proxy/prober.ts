import { setTimeout as pause } from 'node:timers/promises'
import { type Address, addressText } from '../datacenter/directory.ts'
import type { Emit, Family } from '../events/contract.ts'
import { randomPool } from '../wire/random.ts'
import type { MiddleProxies, OurAddress } from './directory.ts'
import { type Probe, probe } from './probe.ts'

const timeoutMs = 5_000
const inFlight = 4
const jitter = 0.1
/** A family without a route is probed in one of so many rounds. */
const rarest = 16

/** One middle proxy; Telegram lists the same one for several datacenters, and for media. */
type Target = { readonly address: Address; readonly serves: number[] }

export const targetsOf = ({ byDc }: Pick<MiddleProxies, 'byDc'>): readonly Target[] => {
  const targets = new Map<string, Target>()
  for (const [id, addresses] of byDc)
    for (const address of addresses) {
      const target = targets.get(addressText(address)) ?? { address, serves: [] }
      target.serves.push(id)
      targets.set(addressText(address), target)
    }
  return [...targets.values()]
}

/**
 * Probes every middle proxy once in `intervalMs` on average, with jitter, until `signal`; emits `middle-proxy.probed` for each
 * datacenter that it serves. Resolves when no probe is under way.
 */
export const probeMiddleProxies = async (options: {
  /** What is known now; null: nothing yet. */
  readonly known: () => { readonly middleProxies: MiddleProxies | null; readonly ourAddress: OurAddress }
  readonly intervalMs: number
  readonly emit: Emit
  /** Epoch, ms. */
  readonly now: () => number
  readonly signal: AbortSignal
  /** 0–1, for the jitter. */
  readonly random?: () => number
}): Promise<void> => {
  const { known, intervalMs, emit, now, signal, random = Math.random } = options
  const fill = randomPool(1_024)
  const underWay = new Set<Promise<void>>()
  /** Families of which some address was reached in the last round that probed them. */
  const routed = new Set<Family>(['ipv4', 'ipv6'])

  const report = ({ address, serves }: Target, outcome: Probe): void => {
    const { ok, ...rest } = outcome
    for (const id of serves)
      emit({
        v: 1,
        type: 'middle-proxy.probed',
        at: now(),
        dc: Math.abs(id),
        media: id < 0,
        family: address.family,
        address: addressText(address),
        ...rest,
      })
  }
  const once = async (target: Target, secret: Uint8Array): Promise<void> => {
    const { ourAddress } = known()
    const outcome = await probe({ ...target, secret, ourAddress, random: fill, timeoutMs, signal })
    if (signal.aborted) return
    if (outcome.ok || outcome.error !== 'unreachable') routed.add(target.address.family)
    report(target, outcome)
  }
  const wait = (ms: number): Promise<void> => pause(ms, undefined, { signal, ref: false }).catch(() => {})

  for (let round = 0; !signal.aborted; round++) {
    const { middleProxies } = known()
    const all = middleProxies === null ? [] : targetsOf(middleProxies)
    const targets = all.filter(({ address }) => routed.has(address.family) || round % rarest === 0)
    for (const { address } of targets) routed.delete(address.family)
    for (const target of targets) {
      if (signal.aborted) break
      const probing = once(target, middleProxies?.secret ?? new Uint8Array()).finally(() =>
        underWay.delete(probing),
      )
      underWay.add(probing)
      if (underWay.size >= inFlight) await Promise.race(underWay)
      await wait((intervalMs / targets.length) * (1 + jitter * (2 * random() - 1)))
    }
    if (targets.length === 0) await wait(Math.min(intervalMs, 5_000))
  }
  await Promise.all(underWay)
}
