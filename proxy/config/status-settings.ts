import { type NamedToken, namedToken } from '../http/bearer.ts'
import { either, host, hosts, mistaken, type Parse, parsed, port } from './parse.ts'

const tokenShape = /^[A-Za-z0-9._~+/=-]{32,256}$/
const nameShape = /^[a-z0-9][a-z0-9-]{0,31}$/

/** `name:token`, comma-separated; a token without a name is `operator`. Only digests are kept. */
export const apiTokens: Parse<readonly NamedToken[]> = (text) => {
  const tokens = text.split(',').map((item) => {
    const [first = '', ...rest] = item.trim().split(':')
    return rest.length === 0 ? { name: 'operator', token: first } : { name: first, token: rest.join(':') }
  })
  if (!tokens.every(({ name, token }) => nameShape.test(name) && tokenShape.test(token)))
    return mistaken(
      'must be name:token with commas between: names of lower-case letters, digits and dashes, tokens of 32 characters or more (openssl rand -hex 32)',
    )
  return new Set(tokens.map(({ name }) => name)).size < tokens.length
    ? mistaken('has two tokens with the same name: give each its own, as name:token')
    : parsed(tokens.map(({ name, token }) => namedToken(name, token)))
}

/** The status page, /metrics and the API. */
export const statusSettings = {
  METRICS_HOST: {
    parse: host,
    fallback: '127.0.0.1',
    doc: 'Address on which the status page and /metrics are served',
    shown: 'everywhere',
  },
  METRICS_PORT: {
    parse: port,
    fallback: '9464',
    doc: 'Port of the status page and /metrics; 0 takes any free port',
    shown: 'everywhere',
  },
  METRICS_ALLOWED_HOSTS: {
    parse: hosts,
    fallback: 'none',
    doc: 'Additional host names that METRICS_PORT and COLLECTOR_PORT accept, comma-separated; * accepts all; none adds none',
    shown: 'here',
    mayBeEmpty: true,
  },
  API_TOKEN: {
    parse: either('auto', (text) => (text === 'none' ? parsed([]) : apiTokens(text))),
    fallback: 'auto',
    doc: 'Tokens that change users and nodes over HTTP, as name:token,name:token; auto keeps one in the file api-token of DATA_DIR; none allows no change',
    secret: true,
  },
} as const
