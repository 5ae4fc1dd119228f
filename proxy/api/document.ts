import { readFileSync } from 'node:fs'
import { nodeEndpoints } from './node.ts'
import { documentEndpoint, documentOf } from './openapi.ts'
import { readingEndpoints } from './reading.ts'
import { userEndpoints } from './users.ts'

const version = (): string => {
  const read: unknown = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8'))
  return typeof read === 'object' && read !== null && 'version' in read ? String(read.version) : '0'
}

/** `docs/openapi.json`: the document of all endpoints, as an appliance serves it. */
export const openapiFile = (): string => {
  const endpoints = [documentEndpoint, ...readingEndpoints, ...userEndpoints, ...nodeEndpoints]
  return `${JSON.stringify(documentOf(endpoints, version()), null, 2)}\n`
}
