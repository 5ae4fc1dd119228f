import { either } from './parse.ts'
import { notBuilt, publishedUrl } from './setting-parsers.ts'

/** Advertising mode. */
export const middleProxySettings = {
  USE_MIDDLE_PROXY: {
    parse: notBuilt('false'),
    fallback: 'false',
    doc: 'Advertising mode; not available yet',
    shown: 'here',
  },
  AD_TAG: {
    parse: notBuilt('none', ''),
    fallback: 'none',
    doc: 'Tag for advertising; not available yet; none sets no tag',
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
} as const
