import { notBuilt } from './setting-parsers.ts'

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
} as const
