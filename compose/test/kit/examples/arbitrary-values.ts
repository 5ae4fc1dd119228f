import fc from 'fast-check'

// Values of the fields of events, for property tests.

export const hex = (digits: number): fc.Arbitrary<string> =>
  fc.string({
    unit: fc.constantFrom(...'0123456789abcdef'),
    minLength: digits,
    maxLength: digits,
  })
// JSON has no -0: it is read back as 0.
export const number = fc.double({ noNaN: true, noDefaultInfinity: true }).map((value) => value + 0)
export const amount = fc.double({ min: 0, max: 1e9, noNaN: true })
export const count = fc.nat({ max: Number.MAX_SAFE_INTEGER })
export const dc = fc.constantFrom(1, 2, 3, 4, 5, 203, 10_001, 10_002, 10_003)
export const text = fc.string({ unit: 'binary', maxLength: 20 })
export const at = fc.nat({ max: 4_102_444_800_000 })
export const family = fc.constantFrom('ipv4' as const, 'ipv6' as const)
export const mode = fc.constantFrom('classic' as const, 'secure' as const, 'tls' as const)
export const transport = fc.constantFrom(
  'abridged' as const,
  'intermediate' as const,
  'padded-intermediate' as const,
)
export const prefix = fc.constantFrom('203.0.113.0/24', '10.0.0.0/24', '2001:db8:0::/48', '0:0:0::/48')
