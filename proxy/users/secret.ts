import { randomBytes } from 'node:crypto'
import { inspect } from 'node:util'

/** The 16 bytes that a user shares with the proxy. Printing, logging or serializing one gives `[secret]`. */
export class Secret {
  static readonly size = 16
  readonly #bytes: Buffer

  /** Copies `bytes`; throws a RangeError unless they are 16. */
  constructor(bytes: Uint8Array) {
    if (bytes.length !== Secret.size) throw new RangeError(`A secret has ${Secret.size} bytes`)
    this.#bytes = Buffer.from(bytes)
  }

  /** A copy. */
  bytes(): Buffer {
    return Buffer.from(this.#bytes)
  }

  hex(): string {
    return this.#bytes.toString('hex')
  }

  toString(): '[secret]' {
    return '[secret]'
  }

  toJSON(): string {
    return '[secret]'
  }

  [inspect.custom](): string {
    return '[secret]'
  }
}

export type SecretReading =
  | { readonly ok: true; readonly value: Secret }
  | { readonly ok: false; readonly mistake: string }

/** How often the most frequent value occurs. */
const mostCommon = (values: readonly number[]): number => {
  const counts = new Map<number, number>()
  for (const value of values) counts.set(value, (counts.get(value) ?? 0) + 1)
  return Math.max(...counts.values())
}

const steps = (values: readonly number[], modulus: number): number[] =>
  values.slice(1).map((value, at) => (value - values[at]! + modulus) % modulus)

/**
 * Why 16 bytes are too weak for a secret, or null. Each bound refuses fewer than one random secret in five million.
 */
export const weakness = (bytes: Uint8Array): string | null => {
  const whole = [...bytes]
  const digits = whole.flatMap((byte) => [byte >> 4, byte & 15])
  const half = whole.length / 2
  if (whole.slice(0, half).every((byte, at) => byte === whole[at + half])) return 'repeats itself'
  if (mostCommon(steps(whole, 256)) >= 6) return 'is a sequence'
  if (steps(digits, 16).filter((step) => step === 1 || step === 15 || step === 0).length >= 20) {
    return 'is a sequence'
  }
  if (new Set(digits).size < 8 || new Set(whole).size < 9) return 'has too few different digits'
  if (whole.every((byte) => byte >= 0x20 && byte < 0x7f)) return 'spells a text'
  return null
}

/** A random secret. */
export const strongSecret = (): Secret => {
  for (;;) {
    const bytes = randomBytes(Secret.size)
    if (weakness(bytes) === null) return new Secret(bytes)
  }
}

const advice = 'write 32 random hex digits, as `openssl rand -hex 16` prints'

/** Reads a secret from a setting. The mistake never repeats the text. */
export const readSecret = (text: string): SecretReading => {
  const hex = text.toLowerCase()
  if (/^dd[0-9a-f]{32}$/.test(hex)) {
    return {
      ok: false,
      mistake: 'starts with dd: write only the 32 hex digits after it (MODES chooses dd and ee)',
    }
  }
  if (/^ee[0-9a-f]{32}(?:[0-9a-f]{2})*$/.test(hex)) {
    const rest = hex.length > 34 ? ', and the domain as TLS_DOMAIN' : ''
    return {
      ok: false,
      mistake: `starts with ee: write only the 32 hex digits after it${rest} (MODES chooses dd and ee)`,
    }
  }
  if (!/^[0-9a-f]{32}$/.test(hex)) return { ok: false, mistake: `is not a secret: ${advice}` }
  const bytes = Buffer.from(hex, 'hex')
  const weak = weakness(bytes)
  return weak === null
    ? { ok: true, value: new Secret(bytes) }
    : { ok: false, mistake: `is easy to guess, it ${weak}: ${advice}` }
}
