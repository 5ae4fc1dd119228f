import { ADDRESSES, type Region } from './addresses.ts'
import { SLOTS } from './counts.ts'

/** A thread may still use what it got before the last change, for less than this; ms. */
const RESTING = 60_000

/** Assigns slots and regions of addresses. What is given back rests before it is assigned again. */
export const assignments = () => {
  let slots = 0
  let addresses = 0
  const freeSlots: number[] = []
  const freeRegions = new Map<number, Region[]>()
  const resting: { readonly since: number; readonly slot: number; readonly region: Region | null }[] = []

  return {
    /** Null: all are taken. */
    slot: (): number | null => freeSlots.pop() ?? (slots < SLOTS ? slots++ : null),
    region: (length: number): Region | null => {
      const free = freeRegions.get(length)?.pop()
      if (free !== undefined) return free
      if (addresses + length > ADDRESSES) return null
      addresses += length
      return { first: addresses - length, length }
    },
    /** A slot of -1: only a region. */
    giveBack: (slot: number, region: Region | null, now: number): void => {
      resting.push({ since: now, slot, region })
    },
    /** Frees what has rested long enough and is not `inUse`, oldest first. */
    tidy: (now: number, inUse: (slot: number) => boolean): void => {
      for (let i = 0; i < resting.length; ) {
        const { since, slot, region } = resting[i]!
        if (now - since < RESTING) return
        if (slot >= 0 && inUse(slot)) {
          i++
          continue
        }
        resting.splice(i, 1)
        if (slot >= 0) freeSlots.push(slot)
        if (region !== null)
          freeRegions.set(region.length, [...(freeRegions.get(region.length) ?? []), region])
      }
    },
  }
}
