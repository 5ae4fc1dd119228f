import type { Session } from '../events/contract.ts'

export type Attributes = Record<string, string | number | boolean>

export const sessionAttributes = ({ mode, user, dc, media }: Session): Attributes => ({
  'mtscope.mode': mode,
  'mtscope.user': user,
  'mtscope.dc': dc,
  'mtscope.media': media,
})

export const peer = (address: string): Attributes => {
  const colon = address.lastIndexOf(':')
  return {
    'network.peer.address': address.slice(0, colon).replace(/^\[|\]$/g, ''),
    'network.peer.port': Number(address.slice(colon + 1)),
  }
}

export const ofUpstream = ({ upstream }: { readonly upstream?: string }): Attributes =>
  upstream === undefined ? {} : { 'mtscope.upstream': upstream }
