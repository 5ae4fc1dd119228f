import { type Network, readNetwork } from './network.ts'

/**
 * Networks that all threads look up, as 32-bit words: the numbers of IPv4 and of IPv6 ranges, then first and last address of
 * each, by address and without overlap. An IPv6 address has four words.
 */
export type NetworkMemory = SharedArrayBuffer

export type NetworkSet = {
  /** Whether an address of 4 or 16 bytes lies in one of the networks. */
  has(address: Buffer): boolean
}

const HEAD = 2

const merged = (networks: readonly Network[]): Network[] => {
  const sorted = [...networks].sort((a, b) => (a.first < b.first ? -1 : a.first > b.first ? 1 : 0))
  const ranges: Network[] = []
  for (const network of sorted) {
    const before = ranges.at(-1)
    if (before === undefined || network.first > before.last + 1n) ranges.push(network)
    else if (network.last > before.last) ranges[ranges.length - 1] = { ...before, last: network.last }
  }
  return ranges
}

/** Milliseconds for 100,000 networks. Networks that overlap or touch become one range. */
export const networkMemory = (networks: readonly Network[]): NetworkMemory => {
  const four = merged(networks.filter(({ family }) => family === 4))
  const six = merged(networks.filter(({ family }) => family === 6))
  const memory = new SharedArrayBuffer(4 * (HEAD + 2 * four.length + 8 * six.length))
  const words = new Uint32Array(memory)
  words.set([four.length, six.length])
  let at = HEAD
  for (const { first, last } of four) {
    words[at++] = Number(first)
    words[at++] = Number(last)
  }
  for (const { first, last } of six) {
    for (const bound of [first, last])
      for (let shift = 96n; shift >= 0n; shift -= 32n) words[at++] = Number((bound >> shift) & 0xffffffffn)
  }
  return memory
}

const has4 = (words: Uint32Array, count: number, address: number): boolean => {
  let low = 0
  let high = count
  while (low < high) {
    const middle = (low + high) >>> 1
    if (words[HEAD + 2 * middle]! > address) high = middle
    else low = middle + 1
  }
  return low > 0 && words[HEAD + 2 * low - 1]! >= address
}

/** The address that is looked up, as words. */
const asked = new Uint32Array(4)

/** Compares the four words at `at` with the address: negative, 0 or positive. */
const compare = (words: Uint32Array, at: number): number => {
  let word = 0
  while (word < 3 && words[at + word] === asked[word]) word++
  return words[at + word]! - asked[word]!
}

const has6 = (words: Uint32Array, start: number, count: number, address: Buffer): boolean => {
  for (let word = 0; word < 4; word++) asked[word] = address.readUInt32BE(4 * word)
  let low = 0
  let high = count
  while (low < high) {
    const middle = (low + high) >>> 1
    if (compare(words, start + 8 * middle) > 0) high = middle
    else low = middle + 1
  }
  return low > 0 && compare(words, start + 8 * low - 4) >= 0
}

export const networkSet = (memory: NetworkMemory): NetworkSet => {
  const words = new Uint32Array(memory)
  const [four = 0, six = 0] = words
  const sixth = HEAD + 2 * four
  return {
    has: (address) =>
      address.length === 4
        ? has4(words, four, address.readUInt32BE(0))
        : address.length === 16 && has6(words, sixth, six, address),
  }
}

/** The set of networks in CIDR notation; a text that is not a network is left out. */
export const networksOf = (texts: readonly string[]): NetworkSet =>
  networkSet(networkMemory(texts.flatMap((text) => readNetwork(text) ?? [])))
