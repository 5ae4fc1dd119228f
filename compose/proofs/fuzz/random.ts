/** Seeded random values: the same seed gives the same case on every machine. */
export type Random = {
  /** 0 … below `end`. */
  below(end: number): number
  /** True once in `n`. */
  oneIn(n: number): boolean
  one<T>(of: readonly T[]): T
  bytes(count: number): Buffer
}

/** The finaliser of MurmurHash3: every bit of the input changes half of the output. */
const mixed = (value: number): number => {
  let x = value >>> 0
  x = Math.imul(x ^ (x >>> 16), 0x85ebca6b)
  x = Math.imul(x ^ (x >>> 13), 0xc2b2ae35)
  return (x ^ (x >>> 16)) >>> 0
}

/** The seed of one case of a run. */
export const caseSeed = (seed: number, target: string, index: number): number => {
  let x = mixed(seed)
  for (const letter of target) x = mixed(x ^ letter.charCodeAt(0))
  return mixed(mixed(x + 0x9e3779b9) ^ index)
}

/** SplitMix32. */
export const randomOf = (seed: number): Random => {
  let state = seed >>> 0
  const next = (): number => {
    state = (state + 0x9e3779b9) >>> 0
    return mixed(state)
  }
  const below = (end: number): number => Math.floor((next() / 2 ** 32) * end)
  return {
    below,
    oneIn: (n) => below(n) === 0,
    one: (of) => of[below(of.length)]!,
    bytes: (count) => {
      const bytes = Buffer.alloc(count)
      for (let at = 0; at < count; at++) bytes[at] = next()
      return bytes
    },
  }
}

/** Numbers that lengths and counts are compared with. */
const edges = [0, 1, 2, 0x7f, 0x80, 0xff, 0x100, 0x3fff, 0x4000, 0x4100, 0x4101, 0x7fff, 0x8000, 0xffff]

/** One change of bytes, as damage or an attacker makes it. `others` may be spliced in. */
const changed = (bytes: Buffer, random: Random, others: readonly Buffer[]): Buffer => {
  if (bytes.length === 0) return random.bytes(random.below(64))
  const at = random.below(bytes.length)
  const copy = Buffer.from(bytes)
  switch (random.below(9)) {
    case 0:
      copy[at]! ^= 1 << random.below(8)
      return copy
    case 1:
      copy[at] = random.below(256)
      return copy
    case 2:
      if (at + 2 <= copy.length) copy.writeUInt16BE(random.one(edges), at)
      return copy
    case 3:
      copy[at] = random.one(edges) & 0xff
      return copy
    case 4:
      return copy.subarray(0, at)
    case 5: {
      const to = at + random.below(Math.min(64, copy.length - at) + 1)
      return Buffer.concat([copy.subarray(0, at), copy.subarray(to)])
    }
    case 6:
      return Buffer.concat([copy.subarray(0, at), random.bytes(random.below(32)), copy.subarray(at)])
    case 7: {
      const to = at + random.below(Math.min(256, copy.length - at) + 1)
      return Buffer.concat([copy.subarray(0, to), copy.subarray(at, to), copy.subarray(to)])
    }
    default: {
      const other = others.length === 0 ? copy : random.one(others)
      return Buffer.concat([copy.subarray(0, at), other.subarray(random.below(other.length + 1))])
    }
  }
}

/** `bytes` after `1 … most` changes. */
export const mutated = (bytes: Buffer, random: Random, others: readonly Buffer[] = [], most = 5): Buffer => {
  let result = bytes
  for (let left = 1 + random.below(most); left > 0; left--) result = changed(result, random, others)
  return result
}

/** Cuts bytes into `1 … most` pieces, none of them empty. */
export const piecesOf = (bytes: Buffer, random: Random, most = 6): Buffer[] => {
  const cuts = Array.from({ length: random.below(most) }, () => random.below(bytes.length + 1))
  const ends = [...new Set([...cuts, bytes.length])].sort((a, b) => a - b).filter((end) => end > 0)
  return ends.map((end, i) => bytes.subarray(ends[i - 1] ?? 0, end))
}
