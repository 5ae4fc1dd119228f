import { listeners } from './listeners.ts'
import { either, ipAddress, port, whole, yesOrNo } from './parse.ts'
import { networks } from './user-limits.ts'

/** Where clients connect. */
export const listenSettings = {
  MTPROTO_PORT: {
    parse: port,
    fallback: '8080',
    doc: 'Port on which clients connect; 0 takes any free port',
    shown: 'everywhere',
  },
  MTPROTO_HOST: {
    parse: ipAddress,
    fallback: '::',
    doc: 'IP address on which clients connect; :: is every IPv6 and IPv4 address',
    shown: 'everywhere',
  },
  MTPROTO_PORT_SHARED: {
    parse: yesOrNo,
    fallback: 'false',
    doc: 'true lets another proxy of the same user listen on MTPROTO_PORT; the kernel distributes the clients',
    shown: 'everywhere',
  },
  LISTEN: {
    parse: either('auto', listeners),
    fallback: 'auto',
    doc: 'Listeners in place of MTPROTO_HOST and MTPROTO_PORT, as 0.0.0.0:443,[::]:8443?modes=tls,unix:/run/mtscope.sock?mode=0660,systemd; auto is those two',
    shown: 'everywhere',
  },
  PROXY_PROTOCOL_FROM: {
    parse: either('none', networks),
    fallback: 'none',
    doc: 'Networks of load balancers whose PROXY protocol header names the client, as 10.0.0.0/8,::1; others are closed; none reads no header',
    shown: 'everywhere',
  },
  CLIENT_MSS: {
    parse: either('none', whole(88, 1_460)),
    fallback: 'none',
    doc: 'Maximum bytes of a TCP segment from and to clients, so that a hello is cut; for the whole connection; native relay only; none sets no limit',
    shown: 'everywhere',
  },
} as const
