// The header by which a load balancer names the client, versions 1 (text) and 2 (binary).
// https://www.haproxy.org/download/3.0/doc/proxy-protocol.txt

/** A client and the address to which it connected; addresses have 4 or 16 bytes. */
export type NamedClient = {
  readonly remote: Buffer
  readonly remotePort: number
  readonly local: Buffer
  readonly localPort: number
}

/** `more`: the header is not complete. `bad`: no header begins like this. */
export type ProxyHeader =
  | { readonly read: 'more' }
  | { readonly read: 'bad' }
  /** `length`: of the header. */
  | ({ readonly read: 'client'; readonly length: number } & NamedClient)
  /** A connection of the balancer itself (a health check), or of a client without an IP address. */
  | { readonly read: 'unnamed'; readonly length: number }

/** Longest header that is read, with its additional fields (TLVs); the protocol allows 64 KiB. */
export const longestHeader = 4_096

const more: ProxyHeader = { read: 'more' }
const bad: ProxyHeader = { read: 'bad' }

const signatureV2 = Buffer.from('0d0a0d0a000d0a515549540a', 'hex')
const startV1 = Buffer.from('PROXY ')
/** With CR and LF: two IPv6 addresses of 39 characters and two ports of five digits. */
const longestV1 = 107

const beginsLike = (bytes: Buffer, length: number, start: Buffer): boolean => {
  const n = Math.min(length, start.length)
  return bytes.compare(start, 0, n, 0, n) === 0
}

/** Reads a header in the first `length` bytes of a connection. Never throws, and refuses at the first wrong byte or field. */
export const readProxyHeader = (bytes: Buffer, length: number): ProxyHeader => {
  if (length === 0) return more
  if (beginsLike(bytes, length, signatureV2)) return length < 16 ? more : readV2(bytes, length)
  return beginsLike(bytes, length, startV1) ? readV1(bytes, length) : bad
}

const readV1 = (bytes: Buffer, length: number): ProxyHeader => {
  const end = bytes.subarray(0, Math.min(length, longestV1)).indexOf('\r\n')
  if (end < 0) return length < longestV1 ? more : bad
  const [, family, source = '', destination = '', ...ports] = bytes.toString('latin1', 0, end).split(' ')
  const whole = end + 2
  if (family === 'UNKNOWN') return { read: 'unnamed', length: whole }
  const readAddress = family === 'TCP4' ? readIPv4 : family === 'TCP6' ? readIPv6 : nothing
  const [remote, local] = [readAddress(source), readAddress(destination)]
  if (remote === null || local === null || ports.length !== 2 || !ports.every(isPort)) return bad
  const [remotePort = 0, localPort = 0] = ports.map(Number)
  return { read: 'client', remote, remotePort, local, localPort, length: whole }
}

const nothing = (): null => null
const isPort = (text: string): boolean => /^(?:0|[1-9]\d{0,4})$/.test(text) && Number(text) <= 65_535

const readIPv4 = (text: string): Buffer | null => {
  const parts = text.split('.')
  const right = parts.length === 4 && parts.every((part) => /^\d{1,3}$/.test(part) && Number(part) <= 255)
  return right ? Buffer.from(parts.map(Number)) : null
}

/** The bytes of words such as `2001:db8`; the last may be a dotted IPv4 address. Null: they are not words. */
const readWords = (text: string): number[] | null => {
  const words = text === '' ? [] : text.split(':')
  const dotted = readIPv4(words.at(-1) ?? '')
  const plain = dotted === null ? words : words.slice(0, -1)
  if (!plain.every((word) => /^[0-9a-f]{1,4}$/i.test(word))) return null
  const bytes = plain.flatMap((word) => {
    const value = Number.parseInt(word, 16)
    return [value >> 8, value & 255]
  })
  return dotted === null ? bytes : [...bytes, ...dotted]
}

const readIPv6 = (text: string): Buffer | null => {
  const sides = text.split('::')
  const [head, tail] = sides.map(readWords)
  if (sides.length > 2 || head === null || head === undefined || tail === null) return null
  if (tail === undefined) return head.length === 16 ? unmapped(Buffer.from(head)) : null
  const zeros = 16 - head.length - tail.length
  return zeros >= 2 ? unmapped(Buffer.from([...head, ...Array<number>(zeros).fill(0), ...tail])) : null
}

const families = { none: 0, ipv4: 1, ipv6: 2, unix: 3 } as const
/** Bytes of both addresses and ports. */
const addressesOf: readonly (number | undefined)[] = [0, 12, 36, 216]
const stream = 1

const readV2 = (bytes: Buffer, length: number): ProxyHeader => {
  const [command, kind, size] = [bytes[12]!, bytes[13]!, bytes.readUInt16BE(14)]
  const [family, transport] = [kind >> 4, kind & 15]
  const whole = 16 + size
  if ((command !== 0x20 && command !== 0x21) || whole > longestHeader) return bad
  const isLocal = command === 0x20
  const least = addressesOf[family]
  const right = least !== undefined && size >= least && (family === families.none || transport === stream)
  if (!isLocal && !right) return bad
  if (length < whole) return more
  if (isLocal || family === families.none || family === families.unix)
    return { read: 'unnamed', length: whole }
  const width = family === families.ipv4 ? 4 : 16
  const ports = 16 + 2 * width
  const address = (start: number): Buffer => unmapped(Buffer.from(bytes.subarray(start, start + width)))
  return {
    read: 'client',
    remote: address(16),
    remotePort: bytes.readUInt16BE(ports),
    local: address(16 + width),
    localPort: bytes.readUInt16BE(ports + 2),
    length: whole,
  }
}

const mapped = Buffer.from('00000000000000000000ffff', 'hex')

/** An IPv4 address in IPv6 (::ffff:0:0/96) as IPv4. */
const unmapped = (address: Buffer): Buffer =>
  address.length === 16 && address.subarray(0, 12).equals(mapped) ? address.subarray(12) : address

const withMapped = (address: Buffer): Buffer =>
  address.length === 16 ? address : Buffer.concat([mapped, address])

const headerV2 = (command: number, kind: number, addresses: Buffer): Buffer => {
  const head = Buffer.from([command, kind, addresses.length >> 8, addresses.length & 255])
  return Buffer.concat([signatureV2, head, addresses])
}

export type End = { readonly address: Buffer; readonly port: number }

/** The header of version 2 that names a client; addresses have 4 or 16 bytes. */
export const proxyHeader = (client: End, proxy: End): Buffer => {
  const isV4 = client.address.length === 4 && proxy.address.length === 4
  const ports = Buffer.alloc(4)
  ports.writeUInt16BE(client.port, 0)
  ports.writeUInt16BE(proxy.port, 2)
  const [source, destination] = isV4
    ? [client.address, proxy.address]
    : [withMapped(client.address), withMapped(proxy.address)]
  const family = isV4 ? families.ipv4 : families.ipv6
  return headerV2(0x21, (family << 4) | stream, Buffer.concat([source, destination, ports]))
}

/** The header of version 2 of a connection that stands for no client. */
export const localHeader = headerV2(0x20, families.none, Buffer.alloc(0))
