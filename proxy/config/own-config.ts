import { type ConfigReading, readConfig } from './config.ts'
import { readDotenvFile } from './dotenv.ts'

/** Reads the environment and the `.env` of this process. An unreadable `.env` is a mistake like any other. */
export const readOwnConfig = (): ConfigReading => {
  try {
    return readConfig(process.env, readDotenvFile())
  } catch (error) {
    return { ok: false, mistakes: [error instanceof Error ? error.message : String(error)] }
  }
}
