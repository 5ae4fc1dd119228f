import { either, oneOf, type Parse, parsed, whole, yesOrNo } from './parse.ts'
import { publishedUrl } from './setting-parsers.ts'
import { adTag } from './user-limits.ts'

const adTagOrNone: Parse<string | null> = (text) => (text === '' ? parsed(null) : either('none', adTag)(text))

/** Advertising mode. */
export const middleProxySettings = {
  USE_MIDDLE_PROXY: {
    parse: yesOrNo,
    fallback: 'false',
    doc: 'true reaches datacenters through Telegram’s middle proxies, which show the sponsored channel of AD_TAG',
    shown: 'everywhere',
  },
  AD_TAG: {
    parse: adTagOrNone,
    fallback: 'none',
    doc: 'Tag for advertising that @MTProxybot gave, 32 hex digits; needs USE_MIDDLE_PROXY=true; none shows no channel',
    secret: true,
    mayBeEmpty: true,
  },
  MIDDLE_PROXY_CONFIG_URL: {
    parse: publishedUrl,
    fallback: 'https://core.telegram.org/getProxyConfig',
    doc: 'URL of the list of middle proxies with IPv4 addresses, read every hour',
    secret: true,
  },
  MIDDLE_PROXY_CONFIG_V6_URL: {
    parse: either('none', publishedUrl),
    fallback: 'https://core.telegram.org/getProxyConfigV6',
    doc: 'URL of the list of middle proxies with IPv6 addresses, read every hour; none uses IPv4 only',
    secret: true,
  },
  MIDDLE_PROXY_SECRET_URL: {
    parse: publishedUrl,
    fallback: 'https://core.telegram.org/getProxySecret',
    doc: 'URL of the secret of the middle proxies, read every day',
    secret: true,
  },
  MIDDLE_PROXY_CONNECTIONS: {
    parse: whole(1, 1_000),
    fallback: '8',
    doc: 'Maximum number of connections to each middle proxy; many clients share one, and load opens more',
    shown: 'everywhere',
  },
  MIDDLE_PROXY_FALLBACK: {
    parse: oneOf(['direct', 'refuse']),
    fallback: 'direct',
    doc: 'When no middle proxy of a datacenter works: direct connects to the datacenter, without advertising; refuse closes the client',
    shown: 'everywhere',
  },
} as const
