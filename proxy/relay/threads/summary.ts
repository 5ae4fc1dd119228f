import type { CloseCount, ProxyEvent, RefusalCount } from '../../events/contract.ts'
import type { PrefixCount } from '../../events/summary.ts'

type Of<T extends ProxyEvent['type']> = Extract<ProxyEvent, { type: T }>
export type Accepted = Of<'connection.accepted'>
export type Rejected = Of<'handshake.rejected'>
export type Closed = Of<'connection.closed'>
export type Summarised = Of<'connections.summarised'>
type Mutable<T> = { -readonly [K in keyof T]: T[K] }

/** Limits of one summary. Names beyond them are `other`: a client without a secret can invent fingerprints, but no users. */
const MOST_FINGERPRINTS = 16
const MOST_USERS = 64
const MOST_PREFIXES = 1_024
const LISTED_PREFIXES = 16
const GROUPS = 64
const MOST_SKEW_SECONDS = 86_400

type Refusals = Mutable<Omit<RefusalCount, 'groups'>> & { groups?: Map<number, number> }

/** `name` while `names` has room for it, else `other`. */
const named = (names: Set<string>, name: string, most: number): string => {
  if (!names.has(name) && names.size >= most) return 'other'
  names.add(name)
  return name
}

const refusalCount = ({ groups, ...refusal }: Refusals): RefusalCount =>
  groups === undefined
    ? refusal
    : { ...refusal, groups: [...groups].map(([group, count]) => ({ group, count })) }

const largest = (prefixes: ReadonlyMap<string, number>): PrefixCount[] =>
  [...prefixes]
    .map(([prefix, count]) => ({ prefix, count }))
    .sort((a, b) => b.count - a.count)
    .slice(0, LISTED_PREFIXES)

const clampedSkew = (seconds: number): number =>
  Math.max(-MOST_SKEW_SECONDS, Math.min(MOST_SKEW_SECONDS, seconds))

/** Counts of connections since the last summary. Its size is bounded, whatever comes. */
export class Summary {
  #accepted = 0
  readonly #refusals = new Map<string, Refusals>()
  readonly #closes = new Map<string, Mutable<CloseCount>>()
  readonly #listeners = new Map<string, number>()
  readonly #prefixes = new Map<string, number>()
  readonly #fingerprints = new Set<string>()
  readonly #users = new Set<string>()

  get isEmpty(): boolean {
    return this.#accepted === 0 && this.#refusals.size === 0 && this.#closes.size === 0
  }

  accept({ prefix, listener }: Accepted): void {
    this.#accepted++
    // As many as LISTEN has.
    if (listener !== undefined) this.#listeners.set(listener, (this.#listeners.get(listener) ?? 0) + 1)
    const count = this.#prefixes.get(prefix)
    if (count !== undefined || this.#prefixes.size < MOST_PREFIXES)
      this.#prefixes.set(prefix, (count ?? 0) + 1)
  }

  refuse(event: Rejected): void {
    const like = this.#refusalsLike(event)
    like.count++
    if (event.reason !== 'replayed' && event.reason !== 'clock-skew') return
    if (event.reason === 'clock-skew' && event.skewSeconds !== undefined) {
      like.skewSeconds = (like.skewSeconds ?? 0) + clampedSkew(event.skewSeconds)
    }
    // The group that the collector computes for clients whose rejections are single events: `slotOf` in its key.ts.
    const group = Number.parseInt(event.client.slice(0, 4), 16) % GROUPS
    like.groups ??= new Map()
    like.groups.set(group, (like.groups.get(group) ?? 0) + 1)
  }

  close({ by, phase, reason, untoldToClient, untoldToDatacenter }: Closed): void {
    const key = `${by} ${phase} ${reason}`
    const like = this.#closes.get(key) ?? {
      by,
      phase,
      reason,
      count: 0,
      bytesToClient: 0,
      bytesToDatacenter: 0,
    }
    this.#closes.set(key, like)
    like.count++
    like.bytesToClient += untoldToClient
    like.bytesToDatacenter += untoldToDatacenter
  }

  /** Returns all counts and resets them. */
  take(): Pick<Summarised, 'accepted' | 'prefixes' | 'listeners' | 'refusals' | 'closes'> {
    const listeners = [...this.#listeners].map(([listener, count]) => ({ listener, count }))
    const taken = {
      accepted: this.#accepted,
      prefixes: largest(this.#prefixes),
      ...(listeners.length > 0 && { listeners }),
      refusals: [...this.#refusals.values()].map(refusalCount),
      closes: [...this.#closes.values()],
    }
    this.#accepted = 0
    for (const each of [
      this.#refusals,
      this.#closes,
      this.#listeners,
      this.#prefixes,
      this.#fingerprints,
      this.#users,
    ])
      each.clear()
    return taken
  }

  #refusalsLike({ reason, fronted, skewSeconds, ...of }: Rejected): Refusals {
    const ja4 = of.ja4 && named(this.#fingerprints, of.ja4, MOST_FINGERPRINTS)
    const user = of.user && named(this.#users, of.user, MOST_USERS)
    const side = skewSeconds === undefined ? '-' : skewSeconds > 0
    const key = `${reason} ${fronted} ${side} ${ja4} ${user}`
    const known = this.#refusals.get(key)
    if (known !== undefined) return known
    const fresh: Refusals = { reason, fronted, count: 0, ...(ja4 && { ja4 }), ...(user && { user }) }
    this.#refusals.set(key, fresh)
    return fresh
  }
}
