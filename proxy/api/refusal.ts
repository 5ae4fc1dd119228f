import { UserError, type UserErrorCode } from '../user-store/errors.ts'
import type { Outcome } from './endpoint.ts'
import { type Problem, problem } from './problem.ts'

const kinds: Record<UserErrorCode, Problem['problem']> = {
  ERR_USER_NAME: 'invalid-request',
  ERR_USER_SECRET: 'invalid-request',
  ERR_USER_LIMIT: 'invalid-request',
  ERR_USER_UNKNOWN: 'not-found',
  ERR_USER_EXISTS: 'conflict',
  ERR_USER_SECRET_TAKEN: 'conflict',
  ERR_USER_OF_SETTINGS: 'conflict',
  ERR_USERS_FULL: 'conflict',
  ERR_USERS_DAMAGED: 'unavailable',
  ERR_USERS_BUSY: 'unavailable',
  ERR_USERS_UNWRITABLE: 'unavailable',
  ERR_USERS_KEY: 'unavailable',
  ERR_USERS_KAFKA: 'unavailable',
}

/** A refusal of the store is a problem; a fault of ours goes on. */
export const refusable = async (work: () => Promise<Outcome>): Promise<Outcome> => {
  try {
    return await work()
  } catch (error) {
    if (!(error instanceof UserError)) throw error
    const field = { ERR_USER_NAME: 'name', ERR_USER_SECRET: 'secret' }[String(error.code)]
    const errors = field === undefined ? {} : { errors: [{ field, mistake: error.message }] }
    return problem(kinds[error.code], error.message, errors)
  }
}
