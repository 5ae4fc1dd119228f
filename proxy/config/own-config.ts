import { type ConfigReading, readConfig } from './config.ts'
import { readDotenvFile } from './dotenv.ts'

/** The settings of this process: its environment and its `.env`. One that cannot be read is a mistake, too. */
export const readOwnConfig = (): ConfigReading => {
  try {
    return readConfig(process.env, readDotenvFile())
  } catch (error) {
    return { ok: false, mistakes: [error instanceof Error ? error.message : String(error)] }
  }
}
