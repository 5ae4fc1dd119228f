/** How many fingerprints have a name: of accepted clients, and of clients that were only refused. */
export const namedClients = 32
export const namedRefused = 32

export const otherFingerprints = 'other'

/**
 * Names JA4 fingerprints, as many as there are slots; later ones are `other`. A scanner can send a new fingerprint in every
 * hello, so accepted clients have slots of their own: no unauthenticated client can take one, and no label set grows.
 */
export const nameFingerprints = () => {
  const clients = new Set<string>()
  const refused = new Set<string>()
  return (ja4: string, accepted: boolean): string => {
    if (clients.has(ja4)) return ja4
    if (accepted && clients.size < namedClients) {
      // Its series stay: its slot among the refused is not used a second time.
      clients.add(ja4)
      return ja4
    }
    if (refused.has(ja4)) return ja4
    if (accepted || refused.size >= namedRefused) return otherFingerprints
    refused.add(ja4)
    return ja4
  }
}
