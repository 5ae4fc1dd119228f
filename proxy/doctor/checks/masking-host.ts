import { lookup } from 'node:dns/promises'
import { isIP } from 'node:net'
import { hostAndPort } from '../../config/parse.ts'
import { type Handshake, shakeHands } from '../../masking/tls-handshake.ts'
import { isOurselves } from '../../masking/watch.ts'
import { type About, type Check, type Finding, finding, reasonOf } from '../finding.ts'

const timeoutMs = 4_000
const day = 86_400_000
const postQuantum = 'X25519MLKEM768'

type Found = { readonly address: string; readonly family: number }

const looked = async (host: string): Promise<readonly Found[] | string> => {
  try {
    return await lookup(host, { all: true })
  } catch (error) {
    return reasonOf(error)
  }
}

const addresses = (host: string, found: readonly Found[]): Finding => {
  const [four, six] = [4, 6].map((family) => found.filter((one) => one.family === family).length) as [
    number,
    number,
  ]
  const numbers = { ipv4: four, ipv6: six }
  return four === 0 && isIP(host) === 0
    ? finding(
        'masking.address',
        'warn',
        `${host} has no A record, so that a host without IPv6 cannot go there`,
        {
          advice: 'TLS_DOMAIN (or MASK_HOST)=a site with an A record',
          numbers,
        },
      )
    : finding('masking.address', 'ok', `${host} is ${four} IPv4 and ${six} IPv6 addresses`, { numbers })
}

const encrypted = async ({ config, signal, now }: About, host: string): Promise<readonly Finding[]> => {
  const name = config.tlsDomain || host
  const target = { host, port: config.maskPort, name, timeoutMs, signal }
  const [plain, asked, quantum] = await Promise.all([
    shakeHands(target),
    shakeHands({ ...target, askHead: true }),
    shakeHands({ ...target, groups: postQuantum }),
  ])
  const at = hostAndPort(host, config.maskPort)
  if (!plain.ok) {
    return [
      finding('masking.tls', 'fail', `${at} makes no TLS handshake for ${name}: ${plain.error}`, {
        advice: 'TLS_DOMAIN and MASK_HOST=a site that answers from here',
      }),
    ]
  }
  const days = Math.floor((plain.validUntil - now()) / day)
  const numbers = { elapsedMs: Math.round(plain.elapsedMs), certificateDays: days }
  return [
    plain.protocol === 'TLSv1.3'
      ? finding('masking.tls', 'ok', `${at} speaks TLS 1.3, ${numbers.elapsedMs} ms`, { numbers })
      : finding('masking.tls', 'fail', `${at} speaks ${plain.protocol}; fake TLS looks like TLS 1.3`, {
          advice: 'TLS_DOMAIN or MASK_HOST=a site with TLS 1.3',
          numbers,
        }),
    plain.distrust === null
      ? finding(
          'masking.certificate',
          days < 7 ? 'note' : 'ok',
          `its certificate is good for ${name}, ${days} days`,
          {
            numbers,
          },
        )
      : finding('masking.certificate', 'warn', `its certificate is not good for ${name}: ${plain.distrust}`, {
          advice: 'TLS_DOMAIN=the name that MASK_HOST has a certificate for',
          numbers,
        }),
    quantum.ok
      ? finding('masking.post-quantum', 'ok', `it takes ${postQuantum}, as today's browsers offer`)
      : finding(
          'masking.post-quantum',
          'note',
          `it does not take ${postQuantum}, which most large sites do`,
          {
            advice: 'TLS_DOMAIN=a site that does, for a less unusual picture',
          },
        ),
    ...shared(asked, at),
  ]
}

/** The certificate does not tell whose machine it is, and lists of addresses grow old: a CDN's own header is sure. */
const shared = (asked: Handshake, at: string): readonly Finding[] => {
  const id = 'masking.shared'
  if (!asked.ok) return []
  return [
    asked.cdn === null
      ? finding(id, 'ok', 'its answer names no shared CDN', { detail: true })
      : finding(
          id,
          'warn',
          `${at} is ${asked.cdn}: a way to everybody's sites there, which scanners look for`,
          {
            advice:
              'TLS_DOMAIN or MASK_HOST=a site of your own or one near this host, with a server of its own',
          },
        ),
  ]
}

/** What a stranger gets to see. */
export const maskingCheck: Check = async (about) => {
  const { config } = about
  const { maskHost: host, maskPort: port, publicPort } = config
  if (host === null) return [finding('masking.address', 'note', 'there is no masking host (MASK_HOST=off)')]
  const [found, { host: publicHost }] = await Promise.all([looked(host), about.address()])
  if (typeof found === 'string') {
    return [
      finding('masking.address', 'fail', `MASK_HOST ${host} is not found: ${found}`, {
        advice: 'look at /etc/resolv.conf, or write another TLS_DOMAIN or MASK_HOST',
      }),
    ]
  }
  const ours = { port: config.port, publicHost, publicPort }
  const own = found.find(({ address }) => isOurselves({ host: address, port, family: 'ipv4' }, ours))
  if (own !== undefined) {
    return [
      finding(
        'masking.address',
        'fail',
        `${hostAndPort(host, port)} is this proxy itself: strangers get no answer`,
        {
          advice: 'MASK_HOST=another site, or the port of a web server of your own as MASK_PORT',
        },
      ),
    ]
  }
  return [addresses(host, found), ...(await encrypted(about, host))]
}
