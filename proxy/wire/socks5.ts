// The client's half of SOCKS5: RFC 1928, and RFC 1929 for user and password.

const VERSION = 5
const LOGIN_VERSION = 1
const CONNECT = 1
const [NO_LOGIN, LOGIN, NO_METHOD] = [0, 2, 0xff]
const [IPV4, NAME, IPV6] = [1, 3, 4]

/** The longest user and the longest password, bytes. */
export const longestLogin = 255

/** A reply with the longest name: version, reply, reserved, type, length, name, port. */
const longestReply = 5 + 255 + 2

export type Login = { readonly user: string; readonly password: string }

/**
 * `login`: the server wants another login, or none of the offered methods. `denied`: its rules do not allow this connection.
 * `failed`: it cannot serve. `unreachable`, `refused`, `expired`: so is the destination. `protocol`: it does not speak
 * SOCKS5, or sends bytes before the client.
 */
export type Socks5Failure = 'login' | 'denied' | 'failed' | 'unreachable' | 'refused' | 'expired' | 'protocol'

const replies: Readonly<Record<number, Socks5Failure>> = {
  1: 'failed',
  2: 'denied',
  3: 'unreachable',
  4: 'unreachable',
  5: 'refused',
  6: 'expired',
  7: 'protocol',
  // An address of this family is out of its reach.
  8: 'unreachable',
}

/** What to do after some bytes of the server: wait for more, send, give up, or pass on bytes. */
export type Socks5Step =
  | 'wait'
  | { readonly send: Buffer }
  | { readonly failure: Socks5Failure }
  | 'connected'

export type Socks5 = {
  /** The first bytes to the server. */
  readonly greeting: Buffer
  /** Takes the bytes of the server at [start, end), cut anywhere. */
  take(buffer: Buffer, start: number, end: number): Socks5Step
}

/** `address`: 4 or 16 bytes. */
const requestOf = (address: Buffer, port: number): Buffer => {
  const head = Buffer.from([VERSION, CONNECT, 0, address.length === 4 ? IPV4 : IPV6])
  return Buffer.concat([head, address, Buffer.from([port >> 8, port & 0xff])])
}

const loginOf = ({ user, password }: Login): Buffer => {
  const [name, word] = [Buffer.from(user), Buffer.from(password)]
  return Buffer.concat([Buffer.from([LOGIN_VERSION, name.length]), name, Buffer.from([word.length]), word])
}

/** The length of a reply, from its first five bytes; null: it has an unknown type of address. */
const replyLength = (bytes: Buffer): number | null => {
  switch (bytes[3]) {
    case IPV4:
      return 4 + 4 + 2
    case IPV6:
      return 4 + 16 + 2
    case NAME:
      return 5 + bytes[4]! + 2
    default:
      return null
  }
}

const failure = (reason: Socks5Failure): Socks5Step => ({ failure: reason })

/** One connection through a SOCKS5 server to an IP address of 4 or 16 bytes. */
export const socks5 = (address: Buffer, port: number, login: Login | null): Socks5 => {
  let state: 'method' | 'login' | 'reply' | 'over' = 'method'
  const kept = Buffer.alloc(longestReply)
  let length = 0

  const request = (): Socks5Step => {
    state = 'reply'
    length = 0
    return { send: requestOf(address, port) }
  }
  const chosen = (method: number): Socks5Step => {
    if (method === NO_LOGIN) return request()
    if (method === NO_METHOD || (method === LOGIN && login === null)) return failure('login')
    if (method !== LOGIN) return failure('protocol')
    state = 'login'
    length = 0
    return { send: loginOf(login!) }
  }
  const replied = (): Socks5Step => {
    const reply = kept[1]!
    if (reply !== 0) return failure(replies[reply] ?? 'protocol')
    if (length < 5) return 'wait'
    const whole = replyLength(kept)
    if (whole === null || length > whole) return failure('protocol')
    if (length < whole) return 'wait'
    state = 'over'
    return 'connected'
  }
  const judge = (): Socks5Step => {
    if (length < 2) return kept[0] === VERSION || state === 'login' ? 'wait' : failure('protocol')
    if (state === 'reply') return kept[0] === VERSION ? replied() : failure('protocol')
    // Nothing may follow these two bytes before we have sent more.
    if (length > 2) return failure('protocol')
    if (state === 'method') return kept[0] === VERSION ? chosen(kept[1]!) : failure('protocol')
    // Servers send either version here: only the status counts.
    return kept[1] === 0 ? request() : failure('login')
  }
  return {
    greeting: Buffer.from(login === null ? [VERSION, 1, NO_LOGIN] : [VERSION, 2, NO_LOGIN, LOGIN]),
    take: (buffer, start, end) => {
      if (state === 'over' || length + end - start > longestReply) return failure('protocol')
      length += buffer.copy(kept, length, start, end)
      return length === 0 ? 'wait' : judge()
    },
  }
}
