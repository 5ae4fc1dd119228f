import type {
  CloseReason,
  Family,
  Limit,
  LossReason,
  Mode,
  Phase,
  RejectReason,
  Side,
  UpstreamError,
} from '../../../proxy/events/contract.ts'
import type { HeaderRefusal } from '../../../proxy/events/header-refusal.ts'

/** The codes of the contract in plain words. */

/** `did` follows the name of the side and may depend on it; `advice` is for the operator. */
type Meaning = { did: string | Partial<Record<Side, string>>; advice: string }

export const rejections: Record<RejectReason, string> = {
  'bad-digest': 'A TLS hello that no secret signed: a visitor, a scanner, or a client with an old link.',
  'unknown-user': 'A handshake that no secret opens: an old or mistyped link, or a scanner.',
  'unknown-sni':
    "A TLS hello that a user's secret signed, for another name than TLS_DOMAIN: a link made for another domain.",
  'mode-off':
    'A valid secret in a mode that MODES, or the limit of the user, leaves out: send a link of a mode that is on.',
  'unknown-dc': 'A valid secret that asked for an unknown datacenter: update mtscope.',
  'clock-skew':
    "A signed hello with another time: the client's clock is wrong or, if there are many, this host's.",
  blocked: 'The address is in BLOCK_LISTS, or not in ALLOW_LISTS.',
  replayed: 'A handshake seen before: an observer recorded a client and sends it again.',
  unclaimed: 'Redis did not answer in time whether it was seen, and REPLAY_ON_REDIS_LOSS=refuse.',
  'malformed-hello':
    'A TLS hello that violates the standard and that no secret signed: a scanner, or a hello that was cut.',
  'not-mtproto': 'Plain HTTP, a port scan, or random bytes.',
  disabled: 'A user that is disabled: enable it, or let it be.',
  expired: 'A user that has expired: give it a later date, or remove it.',
  quota: 'A user whose quota is used up: it may connect again in the next period, or with a larger quota.',
  'user-connections':
    'A user with as many open connections as it may have: raise MAX_CONNECTIONS of the user.',
  'user-addresses':
    'A user with as many client addresses as it may have: its link is shared, or its network changes; raise MAX_IPS of the user.',
  'not-allowed-network': 'A user from outside of its networks: add the network to those of the user.',
  timeout: 'The handshake was not complete in time: a slow or cut line, or a scanner that waits.',
}

const closes: Record<Exclude<CloseReason, RejectReason> | 'timeout', Meaning> = {
  done: { did: 'closed normally', advice: '' },
  reset: {
    did: 'cut the connection (reset)',
    advice: 'A lost network, a killed app, a restart, or a censor.',
  },
  refused: {
    did: 'refused on every address',
    advice: 'Its row under Datacenters shows whether probes are refused, too.',
  },
  timeout: {
    did: { client: 'stopped answering', datacenter: 'did not answer', proxy: 'gave up waiting' },
    advice: 'Nothing arrived in time: a dead, slow or filtered path.',
  },
  idle: { did: 'closed it as idle', advice: 'No bytes passed either way for the idle time. This is normal.' },
  stalled: {
    did: { client: 'stopped waiting for an answer', datacenter: 'left the client without an answer' },
    advice: 'The client sent a request and got no answer: the datacenter or the path to it is stuck.',
  },
  upstream: {
    did: 'reached no upstream',
    advice: 'No upstream of UPSTREAMS carried it: their rows under Upstreams have the errors.',
  },
  limit: { did: 'refused it at a limit', advice: 'A limit of this appliance was reached.' },
  drain: { did: 'closed it to stop or restart', advice: 'The appliance was being stopped.' },
  removed: {
    did: 'closed it because its user is gone',
    advice: 'The user was removed, disabled or got another secret.',
  },
  internal: { did: 'failed internally', advice: 'A fault of the proxy itself: its log has the error.' },
}

const sides: Record<Side, string> = { client: 'Client', datacenter: 'Datacenter', proxy: 'Proxy' }

/** The side that ended it. While fronting the far end is the masking host, which the contract calls the datacenter's side. */
export const side = (by: Side, phase: Phase): string =>
  by === 'datacenter' && phase === 'fronting' ? 'masking host' : by

const phases: Record<Phase, string> = {
  hello: 'during the handshake',
  dial: 'during the dial',
  waiting: 'before the first answer',
  relaying: 'while relaying',
  fronting: 'while fronting',
}

export const close = (by: Side, phase: Phase, reason: CloseReason): { title: string; advice: string } => {
  // The reason is why the client was fronted.
  if (phase === 'fronting' && reason in rejections) {
    return { title: `Client fronted to the masking host: ${reason}`, advice: unauthenticated[by] }
  }
  const { did, advice } = closes[reason as keyof typeof closes] ?? {
    did: `ended it (${reason})`,
    advice: rejections[reason as RejectReason] ?? '',
  }
  const done = typeof did === 'string' ? did : (did[by] ?? `ended it (${reason})`)
  const name = side(by, phase) === by ? sides[by] : 'Masking host'
  return { title: `${name} ${done} ${phases[phase]}`, advice }
}

const unauthenticated: Record<Side, string> = {
  client: 'The client closed.',
  datacenter: 'The masking host closed.',
  proxy: 'The proxy closed.',
}

const dialErrors: Record<UpstreamError, string> = {
  refused: 'connection refused',
  timeout: 'no answer in time',
  unreachable: 'no route to it',
  reset: 'connection reset',
  'no-descriptors': 'out of file descriptors',
  protocol: 'answered, but not as a datacenter',
  other: 'failed',
  login: 'user and password refused',
  denied: 'refused by the rules of the SOCKS5 server',
  'no-source': 'this host does not have the address or interface',
  'no-ports': 'no free port at the source address',
}
/** The text for an error, or the error itself if it has none. */
export const dialError = (error: string): string => dialErrors[error as UpstreamError] ?? error

const limits: Record<Limit, string> = {
  connections: 'connections open at the same time',
  handshakes: 'handshakes in flight',
  strangers: 'unauthenticated clients at the same time',
  'file-descriptors': 'file descriptors',
  'middle-proxy-queue': 'clients that do not take what middle proxies sent',
}
const headers: Record<HeaderRefusal, string> = {
  'untrusted-source': 'not from a network of PROXY_PROTOCOL_FROM',
  'bad-header': 'no PROXY protocol header',
  'no-header': 'PROXY protocol header not complete in time',
}
export const header = (name: string): string => headers[name as HeaderRefusal] ?? name

export const limit = (name: string): string => limits[name as Limit] ?? name

const losses: Record<LossReason, string> = {
  'worker-queue': 'the queue of a worker was full',
  'log-full': 'the event log could not be written',
  'log-bounds': 'the event log reached its size or age before they were read',
  unreadable: 'a stored row could not be read back',
}
export const loss = (reason: string): string => losses[reason as LossReason] ?? reason

export const families: Record<Family, string> = { ipv4: 'IPv4', ipv6: 'IPv6' }

const modes: Record<Mode, string> = { classic: 'classic', secure: 'dd', tls: 'fake TLS' }
export const mode = (name: string): string => modes[name as Mode] ?? name

const places: Record<number, string> = {
  1: 'Miami',
  2: 'Amsterdam',
  3: 'Miami',
  4: 'Amsterdam',
  5: 'Singapore',
  203: 'CDN',
}
/** As `proxy/wire/datacenter-number.ts` has it: the browser gets the files of this folder only. */
export const testDatacenters = 10_000

/** City of a datacenter. */
export const place = (dc: number): string =>
  dc >= testDatacenters ? `test ${dc - testDatacenters}` : (places[Math.abs(dc)] ?? '')
