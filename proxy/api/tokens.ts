import { randomBytes } from 'node:crypto'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Config } from '../config/config.ts'
import { type NamedToken, namedToken } from '../http/bearer.ts'
import type { Logger } from '../logger/logger.ts'
import { writePrivate } from '../users/private-file.ts'
import { makeDataDir } from '../users/secret-store.ts'

/** In DATA_DIR. */
export const tokenFile = 'api-token'
const keptName = 'operator'

const keptToken = (dataDir: string): NamedToken => {
  makeDataDir(dataDir)
  const path = join(dataDir, tokenFile)
  if (!existsSync(path)) writePrivate(dataDir, tokenFile, `${randomBytes(32).toString('hex')}\n`)
  const token = readFileSync(path, 'utf8').trim()
  if (token.length < 32) throw new Error('it has fewer than 32 characters: remove it to get a new token')
  return namedToken(keptName, token)
}

/** The tokens of API_TOKEN, or the one of DATA_DIR, which the first start makes. None if that cannot be read or written. */
export const tokensOf = (
  { apiTokens, dataDir }: Pick<Config, 'apiTokens' | 'dataDir'>,
  logger: Logger,
): readonly NamedToken[] => {
  if (apiTokens !== null) return apiTokens
  try {
    return [keptToken(dataDir)]
  } catch (error) {
    logger('warn', 'api-token', {
      file: join(dataDir, tokenFile),
      error: error instanceof Error ? error.message : String(error),
      hint: 'the API changes nothing: set API_TOKEN, or make DATA_DIR writable and restart',
    })
    return []
  }
}
