import type { NetworkMemory, NetworkSet } from './network-set.ts'
import { networkSet } from './network-set.ts'

/** Networks of BLOCK_LISTS and ALLOW_LISTS; null: no such list is configured. */
export type Access = { readonly block: NetworkMemory | null; readonly allow: NetworkMemory | null }

/** Whether the lists refuse an address of 4 or 16 bytes; null: there is no list. */
export type IsBlocked = ((address: Buffer) => boolean) | null

const all: NetworkSet = { has: () => true }
const none: NetworkSet = { has: () => false }

/** BLOCK_LISTS take precedence over ALLOW_LISTS. */
export const blocking = ({ block, allow }: Access): IsBlocked => {
  if (block === null && allow === null) return null
  const blocked = block === null ? none : networkSet(block)
  const allowed = allow === null ? all : networkSet(allow)
  return (address) => blocked.has(address) || !allowed.has(address)
}
