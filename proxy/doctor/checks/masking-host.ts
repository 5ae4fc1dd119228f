import { lookup } from 'node:dns/promises'
import { isIP } from 'node:net'
import { type MaskedDomain, type Site, siteText } from '../../config/masking-settings.ts'
import { lookUpAll } from '../../datacenter/resolve.ts'
import { imitable } from '../../masking/measure.ts'
import { type Handshake, shakeHands } from '../../masking/tls-handshake.ts'
import { isOurselves, resolvePlaces } from '../../net/ourselves.ts'
import { type About, type Check, type Finding, finding, reasonOf } from '../finding.ts'

const timeoutMs = 4_000
const day = 86_400_000
const postQuantum = 'X25519MLKEM768'

type Found = { readonly address: string; readonly family: number }

const addressesOf = async (host: string): Promise<readonly Found[] | string> => {
  try {
    return await lookup(host, { all: true })
  } catch (error) {
    return reasonOf(error)
  }
}

const addressFinding = (host: string, found: readonly Found[]): Finding => {
  const [four, six] = [4, 6].map((family) => found.filter((one) => one.family === family).length) as [
    number,
    number,
  ]
  const numbers = { ipv4: four, ipv6: six }
  return four === 0 && isIP(host) === 0
    ? finding('masking.address', 'warn', `${host} has no A record: a proxy without IPv6 cannot reach it`, {
        advice: 'set TLS_DOMAIN (or MASK_HOST) to a site with an A record',
        numbers,
      })
    : finding('masking.address', 'ok', `${host} has ${four} IPv4 and ${six} IPv6 addresses`, { numbers })
}

const tlsFindings = async ({ signal, now }: About, site: Site, name: string): Promise<readonly Finding[]> => {
  const target = { ...site, name, timeoutMs, signal }
  const [answer, plain, answered, quantum] = await Promise.all([
    imitable(target),
    shakeHands(target),
    shakeHands({ ...target, askHead: true }),
    shakeHands({ ...target, groups: postQuantum }),
  ])
  const at = siteText(site)
  if (!plain.ok) {
    return [
      finding(
        'masking.tls',
        'fail',
        `the TLS handshake with ${at} for ${name} fails: ${plain.error}; unauthenticated clients see no site`,
        {
          advice: 'set TLS_DOMAIN and MASK_HOST to a site that this host can reach',
        },
      ),
    ]
  }
  const days = Math.floor((plain.validUntil - now()) / day)
  const numbers = { elapsedMs: Math.round(plain.elapsedMs), certificateDays: days }
  return [
    plain.protocol === 'TLSv1.3'
      ? finding('masking.tls', 'ok', `${at} uses TLS 1.3; the handshake took ${numbers.elapsedMs} ms`, {
          numbers,
        })
      : finding(
          'masking.tls',
          'fail',
          `${at} uses ${plain.protocol}, but fake TLS looks like TLS 1.3: a censor can see the difference`,
          {
            advice: 'set TLS_DOMAIN or MASK_HOST to a site with TLS 1.3',
            numbers,
          },
        ),
    plain.distrust === null
      ? finding(
          'masking.certificate',
          days < 7 ? 'note' : 'ok',
          `its certificate is valid for ${name}, for another ${days} days`,
          {
            advice: days < 7 ? 'renew it if the site is yours; otherwise check again after that day' : null,
            numbers,
          },
        )
      : finding(
          'masking.certificate',
          'warn',
          `its certificate is not valid for ${name}: ${plain.distrust}`,
          {
            advice: 'set TLS_DOMAIN to a name in the certificate of MASK_HOST',
            numbers,
          },
        ),
    quantum.ok
      ? finding('masking.post-quantum', 'ok', `it accepts ${postQuantum}, which today's browsers offer`)
      : finding(
          'masking.post-quantum',
          'note',
          `it does not accept ${postQuantum}, which most large sites do: the proxy looks less usual`,
          {
            advice: `set TLS_DOMAIN to a site that accepts ${postQuantum}`,
          },
        ),
    imitation(answer, at),
    ...shared(answered, at),
  ]
}

/** Whether fake TLS can answer as the site does. Left out where `masking.tls` fails. */
const imitation = (answer: Awaited<ReturnType<typeof imitable>>, at: string): Finding => {
  const id = 'masking.profile'
  if (answer === 'yes') return finding(id, 'ok', 'fake TLS can answer a browser as it does')
  return answer === 'retry'
    ? finding(
        id,
        'warn',
        `${at} asks browsers for another key share (HelloRetryRequest), which no app sends: fake TLS answers unlike it`,
        { advice: 'set TLS_DOMAIN or MASK_HOST to a site that accepts X25519' },
      )
    : finding(id, 'warn', `the answer of ${at} to a browser cannot be imitated (${answer})`, {
        advice: 'set TLS_DOMAIN or MASK_HOST to a site with TLS 1.3',
      })
}

/** Detects a CDN by its own header: a certificate does not name the machine, and lists of addresses become outdated. */
const shared = (answered: Handshake, at: string): readonly Finding[] => {
  const id = 'masking.shared'
  if (!answered.ok) return []
  return [
    answered.cdn === null
      ? finding(id, 'ok', 'its answer names no shared CDN', { detail: true })
      : finding(
          id,
          'warn',
          `${at} is ${answered.cdn}: through this proxy every site of that CDN can be reached, which scanners look for`,
          {
            advice:
              'set TLS_DOMAIN or MASK_HOST to your own site, or to one near this host that has a server of its own',
          },
        ),
  ]
}

const ownFinding = (site: Site): Finding =>
  finding(
    'masking.address',
    'fail',
    `MASK_HOST ${siteText(site)} is this proxy itself: unauthenticated clients get no answer`,
    {
      advice:
        'set MASK_HOST, or MASK_HOSTS for this domain, to another site or to the port of your own web server',
    },
  )

const domainFindings = async (about: About, { name, site }: MaskedDomain): Promise<readonly Finding[]> => {
  const { listeners } = about.config
  if (site === null)
    return [
      finding(
        'masking.address',
        'note',
        'there is no masking host (MASK_HOST=off): unauthenticated clients get no answer',
      ),
    ]
  const { host, port } = site
  if (host.startsWith('/'))
    return isOurselves(site, listeners) ? [ownFinding(site)] : tlsFindings(about, site, name)
  const [found, { host: publicHost }] = await Promise.all([addressesOf(host), about.address()])
  if (typeof found === 'string') {
    return [
      finding('masking.address', 'fail', `MASK_HOST ${host} has no DNS answer: ${found}`, {
        advice: 'check /etc/resolv.conf, or set another TLS_DOMAIN or MASK_HOST',
      }),
    ]
  }
  const ours = await resolvePlaces(listeners, publicHost, lookUpAll)
  if (found.some(({ address }) => isOurselves({ host: address, port }, ours))) return [ownFinding(site)]
  return [addressFinding(host, found), ...(await tlsFindings(about, site, name || host))]
}

/** Checks the site that unauthenticated clients see, of each domain. Ids of the second domain and later end with its name. */
export const maskingCheck: Check = async (about) => {
  const [first, ...others] = about.config.domains
  const named = async (domain: MaskedDomain): Promise<readonly Finding[]> =>
    (await domainFindings(about, domain)).map((found) => ({ ...found, id: `${found.id}.${domain.name}` }))
  return (await Promise.all([domainFindings(about, first), ...others.map(named)])).flat()
}
