import { hash } from 'node:crypto'

/** One end of the connection between this proxy and a middle proxy, as the middle proxy sees it. */
export type RpcEnd = {
  /** 4 or 16 bytes. */
  readonly address: Buffer
  readonly port: number
}

/** The values that both ends know after the nonces. */
export type RpcSeed = {
  /** The secret that Telegram publishes for middle proxies. */
  readonly secret: Buffer
  readonly clientNonce: Buffer
  readonly serverNonce: Buffer
  /** The time in the client's nonce message, seconds. */
  readonly clientTime: number
  /** This proxy. Behind NAT: the address that the middle proxy sees. */
  readonly client: RpcEnd
  readonly server: RpcEnd
}

export type RpcKey = { readonly key: Buffer; readonly iv: Buffer }

const u16 = (value: number): Buffer => Buffer.from([value & 0xff, value >>> 8])
const u32 = (value: number): Buffer => {
  const bytes = Buffer.alloc(4)
  bytes.writeUInt32LE(value >>> 0)
  return bytes
}

const noAddress = Buffer.alloc(4)

/** The bytes of an IPv4 address as a little-endian number; zeros for IPv6. */
const v4 = ({ address }: RpcEnd): Buffer =>
  address.length === 4 ? Buffer.from(address).reverse() : noAddress

/**
 * The AES-256-CBC key of one direction: `CLIENT` encrypts the bytes of this proxy, `SERVER` those of the middle proxy.
 * MTProxy, net/net-crypto-aes.c.
 */
export const rpcKey = (seed: RpcSeed, purpose: 'CLIENT' | 'SERVER'): RpcKey => {
  const { secret, clientNonce, serverNonce, clientTime, client, server } = seed
  const v6 =
    client.address.length === 16 && server.address.length === 16 ? [client.address, server.address] : []
  const text = Buffer.concat([
    serverNonce,
    clientNonce,
    u32(clientTime),
    v6.length > 0 ? noAddress : v4(server),
    u16(client.port),
    Buffer.from(purpose, 'latin1'),
    v6.length > 0 ? noAddress : v4(client),
    u16(server.port),
    secret,
    serverNonce,
    ...v6,
    clientNonce,
  ])
  const key = Buffer.concat([
    hash('md5', text.subarray(1), 'buffer').subarray(0, 12),
    hash('sha1', text, 'buffer'),
  ])
  return { key, iv: hash('md5', text.subarray(2), 'buffer') }
}
