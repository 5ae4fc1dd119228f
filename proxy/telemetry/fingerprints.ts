/** Fingerprints with a name of their own: of those that a user's secret signed once, and of those that were only refused. */
export const mostKnown = 32
export const mostStrange = 32

export const otherFingerprints = 'other'

/**
 * Names JA4 fingerprints, as many as there are slots; whoever comes later is `other`. A scanner writes a new one into
 * every hello, so the slots of the accepted are theirs alone: no stranger can take one, and nothing grows.
 */
export const nameFingerprints = () => {
  const known = new Set<string>()
  const strange = new Set<string>()
  return (ja4: string, accepted: boolean): string => {
    if (known.has(ja4)) return ja4
    if (accepted && known.size < mostKnown) {
      // Its series stay: the slot among strangers is not given away a second time.
      known.add(ja4)
      return ja4
    }
    if (strange.has(ja4)) return ja4
    if (accepted || strange.size >= mostStrange) return otherFingerprints
    strange.add(ja4)
    return ja4
  }
}
