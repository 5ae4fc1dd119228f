import { type Network, readNetwork } from './network.ts'

export type ReadList = {
  readonly networks: readonly Network[]
  /** Lines that are not a network. */
  readonly invalid: number
  /** Number of the first of them, from 1; 0: none. */
  readonly firstInvalid: number
}

/**
 * Reads a network in CIDR notation, or an address, from the start of each line. Whatever follows a space, `;` or `#` is a
 * comment.
 */
export const readList = (text: string): ReadList => {
  const networks: Network[] = []
  let invalid = 0
  let firstInvalid = 0
  for (const [at, line] of text
    .replace(/^\uFEFF/, '')
    .split(/\r\n|\n|\r/)
    .entries()) {
    const [word = ''] = line.trim().split(/[\s;#,]/, 1)
    if (word === '') continue
    const network = readNetwork(word)
    if (network !== null) networks.push(network)
    else if (invalid++ === 0) firstInvalid = at + 1
  }
  return { networks, invalid, firstInvalid }
}
