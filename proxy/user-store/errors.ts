/** Errors for an operator. Match on `code`; `message` is one line that ends with what to do. */
export const errors = {
  ERR_USER_NAME: 'Not a user name',
  ERR_USER_SECRET: 'Not a secret',
  ERR_USER_LIMIT: 'Not a limit',
  ERR_USER_UNKNOWN: 'No such user',
  ERR_USER_EXISTS: 'The name is taken',
  ERR_USER_SECRET_TAKEN: 'The secret is taken',
  ERR_USER_OF_SETTINGS: 'The user is set by settings',
  ERR_USERS_FULL: 'The user store is full',
  ERR_USERS_DAMAGED: 'The user store cannot be read',
  ERR_USERS_BUSY: 'Another program writes the user store',
  ERR_USERS_UNWRITABLE: 'The user store cannot be written',
  ERR_USERS_KEY: 'USERS_KEY does not fit the users',
  ERR_USERS_KAFKA: 'The users in Kafka cannot be reached',
} as const

export type UserErrorCode = keyof typeof errors

export class UserError extends Error {
  readonly code: UserErrorCode

  constructor(code: UserErrorCode, detail: string, cause?: unknown) {
    super(`${errors[code]}: ${detail}`, cause === undefined ? {} : { cause })
    this.name = 'UserError'
    this.code = code
  }
}
