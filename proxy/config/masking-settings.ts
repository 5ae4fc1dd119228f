import { domain, whole } from './parse.ts'
import { maskHost } from './setting-parsers.ts'

/** What unauthenticated clients see. */
export const maskingSettings = {
  TLS_DOMAIN: {
    parse: domain,
    fallback: 'www.cloudflare.com',
    doc: 'Domain that fake TLS names: a web site near this host that a censor may see',
    shown: 'everywhere',
    mayBeEmpty: true,
  },
  MASK_HOST: {
    parse: maskHost,
    fallback: 'auto',
    doc: 'Web site to which unauthenticated clients are forwarded; auto is TLS_DOMAIN, off gives them no answer',
    shown: 'everywhere',
  },
  MASK_PORT: { parse: whole(1, 65_535), fallback: '443', doc: 'Port of MASK_HOST', shown: 'everywhere' },
} as const
