import type { Directory } from '../datacenter/directory.ts'
import { readDirectory, telegram } from '../datacenter/directory.ts'
import type { Mode } from '../events/contract.ts'
import { fleetSettings } from './fleet-settings.ts'
import {
  anyOf,
  bytes,
  domain,
  duration,
  either,
  factor,
  host,
  hosts,
  ipAddress,
  isLoopback,
  mistaken,
  type Parse,
  parsed,
  port,
  urlOf,
  whole,
  yesOrNo,
} from './parse.ts'

export type Setting<T> = {
  readonly parse: Parse<T>
  /** What holds when nothing is written, in the words one would write. */
  readonly fallback: string
  readonly doc: string
  /** Whether it may be written as `NAME=`. */
  readonly mayBeEmpty?: true
}

const modes: readonly Mode[] = ['classic', 'secure', 'tls']
const smallestBuffer = 1_024
const largestBuffer = 4_194_304
const day = 86_400

/** Bytes while many are relayed, how many that is, bytes while fewer are. */
const toClientBuffer: Parse<{ low: number; below: number; high: number }> = (text) => {
  const size = bytes(smallestBuffer, largestBuffer)
  const [low, below, high, ...rest] = text.split(',').map((part) => part.trim())
  const reading = [size(low ?? ''), whole(0, 1_000_000)(below ?? '0'), size(high ?? low ?? '')] as const
  const [small, count, large] = reading
  if (!small.ok || !count.ok || !large.ok || rest.length > 0) {
    return mistaken(
      `must be low,connections,high as 32768,50,262144; sizes from ${smallestBuffer} to ${largestBuffer}`,
    )
  }
  if (small.value > large.value)
    return mistaken('has its sizes the wrong way round: write low,connections,high')
  return parsed({ low: small.value, below: count.value, high: large.value })
}

const directory: Parse<Directory> = (text) => {
  if (text === 'telegram') return parsed(telegram)
  const read = readDirectory(text)
  return read.ok ? parsed(read.directory) : mistaken(`is wrong: ${read.mistakes.join('; ')}`)
}

const nodeName: Parse<string> = (text) =>
  /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/.test(text)
    ? parsed(text)
    : mistaken('must be 1 to 64 letters, digits, dots, dashes or underscores')

const folder: Parse<string> = (text) => (text.includes('\0') ? mistaken('is not a path') : parsed(text))

/** What it answers goes into links: nobody on the way may change it. */
const echoUrl: Parse<string> = (text) => {
  const url = urlOf(text, 'https:', 'http:')
  const good = url !== null && (url.protocol === 'https:' || isLoopback(url.hostname))
  return good && url.username === '' && url.password === ''
    ? parsed(text)
    : mistaken('must be an https:// address that answers with the IP address it sees, or none')
}

const maskHost: Parse<string> = (text) => {
  if (text === 'auto' || text === 'off') return parsed(text)
  return text.includes('%')
    ? mistaken('has a zone, which cannot be dialed: write an address that needs none')
    : host(text)
}

/** A setting whose feature does not exist yet says so, unless it is left at what holds anyway. */
const notBuilt =
  (...harmless: string[]): Parse<null> =>
  (text) =>
    harmless.includes(text.toLowerCase())
      ? parsed(null)
      : mistaken('asks for a feature that is not built yet: leave it out')

/** Every setting but `USER<n>_SECRET` and `USER<n>_NAME`, in the order of `.env.example`. */
export const settings = {
  MTPROTO_PORT: { parse: port, fallback: '8080', doc: 'Port where clients connect; 0 takes any free one' },
  MTPROTO_HOST: {
    parse: ipAddress,
    fallback: '::',
    doc: 'IP address where clients connect; :: is every one, IPv4 too',
  },
  MTPROTO_PORT_SHARED: {
    parse: yesOrNo,
    fallback: 'false',
    doc: 'Lets another proxy of the same user listen on MTPROTO_PORT; the kernel shares clients out',
  },
  PUBLIC_HOST: {
    parse: either('auto', host),
    fallback: 'auto',
    doc: 'Address or name in the links; auto finds it',
  },
  PUBLIC_HOST_FROM: {
    parse: either('none', echoUrl),
    fallback: 'https://www.cloudflare.com/cdn-cgi/trace',
    doc: 'Asked once which address it sees, when auto finds no public one on this host; none asks nobody',
  },
  PUBLIC_PORT: {
    parse: either('auto', whole(1, 65_535)),
    fallback: 'auto',
    doc: 'Port in the links, when another one is forwarded to MTPROTO_PORT; auto is MTPROTO_PORT',
  },
  MODES: {
    parse: anyOf(modes),
    fallback: 'secure,tls',
    doc: 'Any of classic (32 digits), secure (dd), tls (ee); tls alone hides best from probes',
  },
  TLS_DOMAIN: {
    parse: domain,
    fallback: 'www.cloudflare.com',
    doc: 'Name that fake TLS asks for: a site near this host that strangers may see',
    mayBeEmpty: true,
  },
  MASK_HOST: {
    parse: maskHost,
    fallback: 'auto',
    doc: 'Where strangers are sent; auto is TLS_DOMAIN, off sends them nowhere',
  },
  MASK_PORT: { parse: whole(1, 65_535), fallback: '443', doc: 'Port of MASK_HOST' },
  FAST_MODE: {
    parse: yesOrNo,
    fallback: 'true',
    doc: 'Datacenters encrypt for the client, so that downloads pass untouched',
  },
  TO_CLT_BUFSIZE: {
    parse: toClientBuffer,
    fallback: '32768,50,262144',
    doc: 'Bytes read at once towards clients: low,connections,high; high while fewer are relayed',
  },
  TO_TG_BUFSIZE: {
    parse: bytes(smallestBuffer, largestBuffer),
    fallback: '131072',
    doc: 'Bytes read at once towards datacenters',
  },
  TG_CONNECT_TIMEOUT: {
    parse: duration(0.05, 600),
    fallback: '5',
    doc: 'Longest wait for a datacenter to accept, seconds',
  },
  CLIENT_HANDSHAKE_TIMEOUT: {
    parse: duration(0.05, 600),
    fallback: '3',
    doc: 'Longest pause within the handshake of a client, seconds; five times that in all',
  },
  CLIENT_FIRST_BYTE_TIMEOUT: {
    parse: duration(0.05, 3_600),
    fallback: '60',
    doc: 'Longest wait for the first byte of a client, and for its first data after ServerHello, seconds',
  },
  CLIENT_ACK_TIMEOUT: {
    parse: duration(0.05, 3_600),
    fallback: '60',
    doc: 'Longest wait for a client to take what was written to it, seconds',
  },
  IDLE_TIMEOUT: {
    parse: duration(0.05, 7 * day),
    fallback: '600',
    doc: 'Longest silence both ways, seconds',
  },
  STALL_TIMEOUT: {
    parse: duration(0.05, 7 * day),
    fallback: '120',
    doc: 'Longest silence of a datacenter after the client has sent, seconds',
  },
  MAX_CONNS_IN_POOL: {
    parse: whole(0, 10_000),
    fallback: '64',
    doc: 'Most warm sockets for each datacenter; 0 keeps none',
  },
  MAX_CONNECTIONS: {
    parse: whole(1, 1_000_000),
    fallback: '20000',
    doc: 'Most clients at once; strangers get half of it at most',
  },
  MAX_HANDSHAKES: {
    parse: whole(1, 1_000_000),
    fallback: '2000',
    doc: 'Most unfinished handshakes; beyond them the oldest silent client goes',
  },
  DRAIN_SECONDS: {
    parse: duration(0, 3_600),
    fallback: '30',
    doc: 'Longest wait for clients to end on SIGTERM, seconds',
  },
  REPLAY_CHECK_LEN: {
    parse: whole(0, 16_777_216),
    fallback: '65536',
    doc: 'Handshakes that the replay cache remembers, 40 bytes each; 0 lets replays pass',
  },
  CLOCK_SKEW: {
    parse: duration(1, day),
    fallback: '300',
    doc: 'How far the clock of a fake-TLS client may be off, seconds',
  },
  TELEGRAM_DATACENTERS: {
    parse: directory,
    fallback: 'telegram',
    doc: 'Replaces the built-in table: 1=host:port,2=host:port,-2=host:port,2=[::1]:443 (negative: media)',
  },
  WORKERS: {
    parse: either('auto', whole(1, 256)),
    fallback: 'auto',
    doc: 'Threads that relay; auto is one for each core',
  },
  PORTABLE_RELAY: {
    parse: yesOrNo,
    fallback: 'false',
    doc: 'Relays by node:net even where the faster epoll relay can run',
  },
  ALERT_WINDOWS: {
    parse: factor(0.01, 10),
    fallback: '1',
    doc: 'What the windows of the alert rules are multiplied by: below 1 for a demonstration',
  },
  DATA_DIR: { parse: folder, fallback: './data', doc: 'Folder of the event log and of made secrets' },
  NODE_NAME: {
    parse: either('auto', nodeName),
    fallback: 'auto',
    doc: 'Name of this node in events; auto is the host name',
  },
  METRICS_HOST: { parse: host, fallback: '127.0.0.1', doc: 'Address of the status page and /metrics' },
  METRICS_PORT: {
    parse: port,
    fallback: '9464',
    doc: 'Port of the status page and /metrics; 0 takes any free one',
  },
  METRICS_ALLOWED_HOSTS: {
    parse: hosts,
    fallback: 'none',
    doc: 'More names that METRICS_PORT and COLLECTOR_PORT answer to, with commas between; * is every one',
    mayBeEmpty: true,
  },
  LOG_MAX_BYTES: {
    parse: bytes(1_048_576, 1_024 ** 4),
    fallback: '256M',
    doc: 'Most disk that the event log takes',
  },
  LOG_MAX_AGE: {
    parse: duration(60, 3_660 * day),
    fallback: '35d',
    doc: 'How long events are kept, seconds or 7d',
  },
  UNAUTHENTICATED_EVENTS_PER_SECOND: {
    parse: factor(0, 1_000),
    fallback: '1',
    doc: 'Refused connections a second with events of their own, an hour of them at once; the rest are counted',
  },
  PROBE_INTERVAL: {
    parse: duration(0, day),
    fallback: '30',
    doc: 'Seconds between probes of each datacenter; 0 never probes',
  },
  DOCTOR_INTERVAL: {
    parse: duration(0, day),
    fallback: '600',
    doc: 'Seconds between looks of the doctor at this host, for metrics and the log; 0 never looks',
  },
  USE_MIDDLE_PROXY: { parse: notBuilt('false'), fallback: 'false', doc: 'Advertising mode; not built yet' },
  AD_TAG: {
    parse: notBuilt('none', ''),
    fallback: 'none',
    doc: 'Tag for advertising; not built yet',
    mayBeEmpty: true,
  },
  ...fleetSettings,
} as const satisfies Readonly<Record<string, Setting<unknown>>>

export type SettingName = keyof typeof settings
type Value<S> = S extends { parse: Parse<infer T> } ? T : never
export type Values = { readonly [K in SettingName]: Value<(typeof settings)[K]> }

export const settingNames: readonly SettingName[] = Object.keys(settings).filter((name) => isSetting(name))

export function isSetting(name: string): name is SettingName {
  return Object.hasOwn(settings, name)
}
