import { accessSettings } from './access-settings.ts'
import { fleetSettings } from './fleet-settings.ts'
import { listenSettings } from './listen-settings.ts'
import { maskingSettings } from './masking-settings.ts'
import { middleProxySettings } from './middle-proxy-settings.ts'
import { anyOf, bytes, duration, either, factor, host, type Parse, whole, yesOrNo } from './parse.ts'
import type { Setting } from './setting.ts'
import {
  day,
  directory,
  echoUrl,
  folder,
  largestBuffer,
  modes,
  nodeName,
  smallestBuffer,
  toClientBuffer,
} from './setting-parsers.ts'
import { statusSettings } from './status-settings.ts'
import { tcpSettings } from './tcp-settings.ts'
import { upstreamSettings } from './upstream-settings.ts'
import { userSettings } from './user-settings.ts'

/** Every setting except those of one user (`USER<n>_*`), in the order of `.env.example`. */
export const settings = {
  ...userSettings,
  ...listenSettings,
  PUBLIC_HOST: {
    parse: either('auto', host),
    fallback: 'auto',
    doc: 'Address or host name in the links; auto uses a public address of this host, else asks PUBLIC_HOST_FROM',
    shown: 'here',
  },
  PUBLIC_HOST_FROM: {
    parse: either('none', echoUrl),
    fallback: 'https://www.cloudflare.com/cdn-cgi/trace',
    doc: 'URL that returns this host’s public IP address, used when auto finds none locally; none disables it',
    secret: true,
  },
  PUBLIC_PORT: {
    parse: either('auto', whole(1, 65_535)),
    fallback: 'auto',
    doc: 'Port in the links, if another port is forwarded to MTPROTO_PORT; auto is MTPROTO_PORT',
    shown: 'everywhere',
  },
  MODES: {
    parse: anyOf(modes),
    fallback: 'secure,tls',
    doc: 'Modes with links: any of classic (32 digits), secure (dd), tls (ee); tls alone resists probes best',
    shown: 'everywhere',
  },
  ...accessSettings,
  ...maskingSettings,
  FAST_MODE: {
    parse: yesOrNo,
    fallback: 'true',
    doc: 'true lets datacenters encrypt for the client, so that downloads pass unchanged',
    shown: 'everywhere',
  },
  TO_CLT_BUFSIZE: {
    parse: toClientBuffer,
    fallback: '32768,50,262144',
    doc: 'Bytes per read towards clients, as low,connections,high: high while fewer connections are relayed',
    shown: 'everywhere',
  },
  TO_TG_BUFSIZE: {
    parse: bytes(smallestBuffer, largestBuffer),
    fallback: '131072',
    doc: 'Bytes per read towards datacenters',
    shown: 'everywhere',
  },
  TG_CONNECT_TIMEOUT: {
    parse: duration(0.05, 600),
    fallback: '5',
    doc: 'Maximum time for a datacenter to accept a connection, seconds',
    shown: 'everywhere',
  },
  CLIENT_HANDSHAKE_TIMEOUT: {
    parse: duration(0.05, 600),
    fallback: '3',
    doc: 'Maximum pause within a client’s handshake, seconds; the whole handshake may take five times as long',
    shown: 'everywhere',
  },
  CLIENT_FIRST_BYTE_TIMEOUT: {
    parse: duration(0.05, 3_600),
    fallback: '60',
    doc: 'Maximum wait for a client’s first byte, and for its first data after ServerHello, seconds',
    shown: 'everywhere',
  },
  CLIENT_ACK_TIMEOUT: {
    parse: duration(0.05, 3_600),
    fallback: '60',
    doc: 'Maximum time for a client to receive what was written to it, seconds',
    shown: 'everywhere',
  },
  ...tcpSettings,
  IDLE_TIMEOUT: {
    parse: duration(0.05, 7 * day),
    fallback: '600',
    doc: 'Maximum silence in both directions of a connection, seconds',
    shown: 'everywhere',
  },
  STALL_TIMEOUT: {
    parse: duration(0.05, 7 * day),
    fallback: '120',
    doc: 'Maximum silence of a datacenter after the client has sent, seconds',
    shown: 'everywhere',
  },
  MAX_CONNS_IN_POOL: {
    parse: whole(0, 10_000),
    fallback: '64',
    doc: 'Maximum number of pooled connections per datacenter; 0 opens none ahead of need',
    shown: 'everywhere',
  },
  MAX_CONNECTIONS: {
    parse: whole(1, 1_000_000),
    fallback: '20000',
    doc: 'Maximum number of connections; unauthenticated clients get half of it at most',
    shown: 'everywhere',
  },
  MAX_HANDSHAKES: {
    parse: whole(1, 1_000_000),
    fallback: '2000',
    doc: 'Maximum number of unfinished handshakes; beyond it, the oldest silent client is closed',
    shown: 'everywhere',
  },
  DRAIN_SECONDS: {
    parse: duration(0, 3_600),
    fallback: '30',
    doc: 'Maximum time for connections to end after SIGTERM, seconds; 0 closes them immediately',
    shown: 'everywhere',
  },
  REPLAY_CHECK_LEN: {
    parse: whole(0, 16_777_216),
    fallback: '65536',
    doc: 'Number of handshakes in the replay cache, 40 bytes each; 0 detects no replays',
    shown: 'everywhere',
  },
  CLOCK_SKEW: {
    parse: duration(1, day),
    fallback: '300',
    doc: 'Maximum difference between the clocks of a fake-TLS client and this host, seconds',
    shown: 'everywhere',
  },
  TELEGRAM_DATACENTERS: {
    parse: directory,
    fallback: 'telegram',
    doc: 'Datacenters in place of the built-in table, as 1=host:port,2=[::1]:443,-2=host:port (negative: media); telegram is that table',
    shown: 'here',
  },
  TELEGRAM_TEST_DATACENTERS: {
    parse: yesOrNo,
    fallback: 'false',
    doc: 'true also serves Telegram’s test datacenters, which clients ask for as 10000 and their number',
    shown: 'everywhere',
  },
  ...upstreamSettings,
  WORKERS: {
    parse: either('auto', whole(1, 256)),
    fallback: 'auto',
    doc: 'Number of relay threads; auto is one per CPU core',
    shown: 'everywhere',
  },
  PORTABLE_RELAY: {
    parse: yesOrNo,
    fallback: 'false',
    doc: 'true relays by node:net even where the faster epoll relay can run',
    shown: 'everywhere',
  },
  ALERT_WINDOWS: {
    parse: factor(0.01, 10),
    fallback: '1',
    doc: 'Factor for the time windows of the alert rules; below 1 for a demonstration',
    shown: 'everywhere',
  },
  DATA_DIR: {
    parse: folder,
    fallback: './data',
    doc: 'Folder of the event log and of generated secrets',
    shown: 'here',
  },
  NODE_NAME: {
    parse: either('auto', nodeName),
    fallback: 'auto',
    doc: 'Name of this node in events; auto is the host name',
    shown: 'everywhere',
  },
  ...statusSettings,
  LOG_MAX_BYTES: {
    parse: bytes(1_048_576, 1_024 ** 4),
    fallback: '256M',
    doc: 'Maximum size of the event log on disk, bytes (as 256M)',
    shown: 'everywhere',
  },
  LOG_MAX_AGE: {
    parse: duration(60, 3_660 * day),
    fallback: '35d',
    doc: 'How long the event log keeps events, seconds (as 35d)',
    shown: 'everywhere',
  },
  UNAUTHENTICATED_EVENTS_PER_SECOND: {
    parse: factor(0, 1_000),
    fallback: '1',
    doc: 'Refused connections per second that get events of their own; an hour’s number may come together; the rest are only counted',
    shown: 'everywhere',
  },
  PROBE_INTERVAL: {
    parse: duration(0, day),
    fallback: '30',
    doc: 'Time between probes of each datacenter, seconds; 0 disables probes',
    shown: 'everywhere',
  },
  DOCTOR_INTERVAL: {
    parse: duration(0, day),
    fallback: '600',
    doc: 'Time between examinations of this host by the doctor, seconds; 0 disables them',
    shown: 'everywhere',
  },
  ...middleProxySettings,
  ...fleetSettings,
} as const satisfies Readonly<Record<string, Setting<unknown>>>

export type SettingName = keyof typeof settings

/** Settings whose value may appear in a message. */
export type ShownName = {
  [K in SettingName]: (typeof settings)[K] extends { readonly shown: string } ? K : never
}[SettingName]

type Value<S> = S extends { parse: Parse<infer T> } ? T : never
export type Values = { readonly [K in SettingName]: Value<(typeof settings)[K]> }

export const settingNames: readonly SettingName[] = Object.keys(settings).filter((name) => isSetting(name))

export function isSetting(name: string): name is SettingName {
  return Object.hasOwn(settings, name)
}
